import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { tempDir } from "../../support/temp.ts";
import { checkErrorCodes } from "../../../tools/check_docs.ts";

function problemsOf(page: string, source: string): string[] {
  using dir = tempDir();
  dir.write("docs/errors.md", page);
  dir.write("spec/a.ts", source);
  return checkErrorCodes(dir.path);
}

const SOURCE = `export const a = { code: "ONE" };
export const b = (x: boolean) => ({ code: x ? "TWO" : "THREE" });
export const c = () => { throw new HostError("FOUR", {}); };
function codeOf() { return "FIVE"; }
export const d = { exit: 3, message: "SIX" };
`;
const PAGE = ["ONE", "TWO", "THREE", "FOUR", "FIVE"].map((code) => `### ${code}\ntext\n`).join(
  "\n",
);

test("checkErrorCodes() finds codes in every form and nothing else", () => {
  assertEquals(problemsOf(PAGE, SOURCE), []);
});

test("checkErrorCodes() catches a code that the page lacks", () => {
  assertEquals(problemsOf(PAGE.replace("### THREE", "### THREE and more"), SOURCE), [
    "spec/a.ts:2: docs/errors.md does not tell what THREE is",
  ]);
});

test("checkErrorCodes() catches a heading without a code", () => {
  assertEquals(problemsOf(`${PAGE}\n### SEVEN\n`, SOURCE), [
    "docs/errors.md: no error has the code SEVEN",
  ]);
});
