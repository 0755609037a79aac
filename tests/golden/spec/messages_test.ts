/** Each case's messages as they are shown: cases/NAME.yaml → cases/NAME.out.txt; UPDATE_GOLDEN=1 writes them anew. */
import { test } from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assertEquals, assertGreater } from "@std/assert";
import { loadSpec } from "../../../spec/load.ts";
import { showDiagnostics } from "../../../runtime/show/diagnostics.ts";
import { assertGolden } from "../../support/golden.ts";

const CASES = fileURLToPath(new URL("./cases/", import.meta.url));
const names = readdirSync(CASES).filter((file) => file.endsWith(".yaml")).sort();

for (const file of names) {
  test(`messages of ${file}`, () => {
    const result = loadSpec({ text: readFileSync(CASES + file), file, directory: "/project" });
    const shown = showDiagnostics(result.diagnostics, { color: false });
    assertGolden(`${CASES}${file.replace(/\.yaml$/, ".out.txt")}`, shown === "" ? "good\n" : shown);
  });
}

test("there are cases, and each expected output has its case", () => {
  assertGreater(names.length, 20);
  const outputs = readdirSync(CASES).filter((file) => file.endsWith(".out.txt")).sort();
  assertEquals(outputs, names.map((file) => file.replace(/\.yaml$/, ".out.txt")));
});
