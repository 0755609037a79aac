import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { parseDuration, parseSize } from "../../../../spec/text/units.ts";

describe("parseSize()", () => {
  const good: readonly (readonly [string, number])[] = [
    ["1B", 1],
    ["512MiB", 512 * 1024 ** 2],
    ["1.5GiB", 1.5 * 1024 ** 3],
    ["1.5GB", 1_500_000_000],
    ["64kB", 64_000],
    ["64KB", 64_000],
    ["64KiB", 65_536],
    ["1TB", 1e12],
    ["1PiB", 1024 ** 5],
    ["0.5KiB", 512],
    ["64 MiB", 64 * 1024 ** 2],
  ];
  for (const [text, value] of good) test(text, () => assertEquals(parseSize(text), { value }));

  const bad: readonly (readonly [string, string | undefined])[] = [
    ["64k", "64KiB"],
    ["64K", "64KiB"],
    ["1.5g", "1.5GiB"],
    ["512m", "512MiB"],
    ["512mb", "512MiB"],
    ["512Mib", "512MiB"],
    ["64", "64MiB"],
    ["64bytes", "64B"],
    ["64Q", "64MiB"],
    ["0B", undefined],
    ["0.1B", undefined],
    ["9999999PiB", undefined],
    ["1.1234567890123456789MiB", undefined],
    ["-1MiB", undefined],
    ["1,5MiB", undefined],
    ["MiB", undefined],
    ["", undefined],
    ["1e3MiB", undefined],
    ["1".repeat(100), undefined],
  ];
  for (const [text, fix] of bad) {
    test(`refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      const quantity = parseSize(text);
      assert("message" in quantity);
      assertEquals(quantity.fix, fix);
    });
  }
});

describe("parseDuration()", () => {
  const good: readonly (readonly [string, number])[] = [
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["1.5s", 1_500],
    ["1.001s", 1_001],
    ["1h", 3_600_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["0s", 0],
    ["24d", 2_073_600_000],
  ];
  for (const [text, value] of good) test(text, () => assertEquals(parseDuration(text), { value }));

  for (
    const text of [
      "",
      "s",
      "30",
      "30 s",
      "-1s",
      "1s1m",
      "1.5m",
      "1s1s",
      "25d",
      "1e3s",
      "9".repeat(80) + "s",
    ]
  ) {
    test(`refuses ${JSON.stringify(text.slice(0, 30))}`, () =>
      assert("message" in parseDuration(text)));
  }
  test("a number without a unit gets seconds", () => {
    assertEquals(parseDuration("30"), { message: '"30" has no unit', fix: "30s" });
  });
});
