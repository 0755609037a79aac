import { assertEquals } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { env } from "node:process";
import { describe, test } from "node:test";
import { INTERPRETER_CODE } from "../../../ffi/stage/generated/interpreter_code.ts";
import {
  assembleInterpreter,
  formatListing,
  generateInterpreterCode,
} from "../../../ffi/stage/generate.ts";
import { ARCHITECTURES } from "./support.ts";

/** Seen from the root of the repository, where all tests run. */
const FILE = "ffi/stage/generated/interpreter_code.ts";

describe("the interpreter that is assembled beforehand", () => {
  test("the file is what the assembler makes (UPDATE_GOLDEN=1 writes it)", () => {
    if (env.UPDATE_GOLDEN === "1") writeFileSync(FILE, generateInterpreterCode());
    assertEquals(readFileSync(FILE, "utf8"), generateInterpreterCode());
  });

  for (const architecture of ARCHITECTURES) {
    test(`its ${architecture} bytes are those that images get`, () => {
      if (env.UPDATE_GOLDEN === "1") return;
      assertEquals([...INTERPRETER_CODE[architecture]], [...assembleInterpreter(architecture)]);
    });
  }

  test("formatListing() puts each block's comment above its first instruction", () => {
    const lines = formatListing("aarch64", [
      { offset: 0, text: "one" },
      { offset: 4, text: "two" },
      { offset: 20, text: "three" },
    ]).split("\n");
    assertEquals(lines[0]?.startsWith("; entry: "), true);
    assertEquals(lines.slice(1, 4), ["   0  one", "   4  two", ""]);
    assertEquals(lines[4]?.startsWith("; each record: "), true);
    assertEquals(lines.slice(5), ["  14  three"]);
  });
});
