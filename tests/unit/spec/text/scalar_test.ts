import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { resolvePlain } from "../../../../spec/text/scalar.ts";

describe("resolvePlain()", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["", null],
    ["~", null],
    ["null", null],
    ["NULL", null],
    ["true", true],
    ["False", false],
    ["0", 0],
    ["-1", -1],
    ["42", 42],
    ["1.5", 1.5],
    ["0.05", 0.05],
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["1.10", 1.1],
    ["yes", "yes"],
    ["off", "off"],
    ["1000:1000", "1000:1000"],
    ["12:30:45", "12:30:45"],
    ["1_000", "1_000"],
    ["10m", "10m"],
    ["2001-01-01", "2001-01-01"],
    ["1.2.3", "1.2.3"],
    ["0x", "0x"],
    ["-", "-"],
    ["nULL", "nULL"],
  ];
  for (const [word, value] of good) {
    test(`takes ${JSON.stringify(word)}`, () =>
      assertEquals(resolvePlain(word), { value } as never));
  }

  const bad: readonly (readonly [string, string, string])[] = [
    ["0644", "MODE_LIKE_NUMBER", '"0644"'],
    ["00644", "MODE_LIKE_NUMBER", '"0644"'],
    ["0o644", "MODE_LIKE_NUMBER", '"0644"'],
    ["007", "MODE_LIKE_NUMBER", '"07"'],
    ["08", "NUMBER_FORM", '"08"'],
    ["+1", "NUMBER_FORM", '"+1"'],
    [".5", "NUMBER_FORM", '".5"'],
    ["5.", "NUMBER_FORM", '"5."'],
    ["0x1F", "NUMBER_FORM", '"0x1F"'],
    ["-0x1F", "NUMBER_FORM", '"-0x1F"'],
    ["0b11", "NUMBER_FORM", '"0b11"'],
    ["1e3", "NUMBER_FORM", '"1e3"'],
    [".inf", "NUMBER_FORM", '".inf"'],
    [".NaN", "NUMBER_FORM", '".NaN"'],
    ["-0", "NUMBER_FORM", "0"],
    ["9007199254740992", "LOSSY_NUMBER", '"9007199254740992"'],
    ["18446744073709551615", "LOSSY_NUMBER", '"18446744073709551615"'],
    ["0.12345678901234567", "LOSSY_NUMBER", '"0.12345678901234567"'],
    ["1e400", "LOSSY_NUMBER", '"1e400"'],
    ["1e-400", "LOSSY_NUMBER", '"1e-400"'],
  ];
  for (const [word, code, fix] of bad) {
    test(`refuses ${word}`, () => {
      const plain = resolvePlain(word);
      assertEquals("code" in plain ? [plain.code, plain.fix] : plain, [code, fix] as never);
    });
  }

  test("says what 0644 and 0o644 are", () => {
    const messages = ["0644", "0o644", "-0644"].map((word) => {
      const plain = resolvePlain(word);
      return "message" in plain ? plain.message : "";
    });
    assertEquals(messages, [
      "0644 is the number 644 in YAML 1.2",
      "0o644 is the number 420 in YAML 1.2",
      "-0644 is the number -644 in YAML 1.2",
    ]);
  });
});
