/** docs/from-c.md: every name of the C library has a row, and what each row says is so. */
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { COMMANDS } from "../../../runtime/cli/table.ts";
import { loadSpec } from "../../../spec/load.ts";
import { REPOSITORY } from "../../support/cli.ts";

const read = (path: string): string => readFileSync(`${REPOSITORY}/${path}`, "utf8");

interface Row {
  readonly c: string;
  readonly yaml: readonly string[];
  readonly library: readonly string[];
  readonly command: readonly string[];
  readonly notYet: boolean;
}

const code = (cell: string): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);

const ROWS: readonly Row[] = read("docs/from-c.md").split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const [c = "", yaml = "", library = "", command = "", note = ""] = line.split(" |");
    return {
      c,
      yaml: code(yaml),
      library: code(library),
      command: code(command),
      notYet: /\*not yet\*(?! there)/.test(note),
    };
  });

const NAMES = read("tests/golden/from_c/names.txt").split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));

test("every name of the list has a row, and every row a name of the list", () => {
  const said = new Set(
    ROWS.flatMap(({ c }) =>
      [...c.matchAll(/\b(?:containerv_|CV_|process_)\w+/g)].map(([name]) => name)
    ),
  );
  assertEquals([...said].sort(), [...new Set(NAMES)].sort());
  assert(NAMES.length > 40);
});

describe("the YAML of each row", () => {
  for (const { c, yaml, notYet } of ROWS) {
    for (const text of yaml) {
      test(`${c.trim()}: ${text}`, () => {
        const file = "row.yaml";
        const { diagnostics } = loadSpec({ text, file, directory: "/project" });
        const errors = diagnostics.filter(({ severity }) => severity === "error");
        const codes = [...new Set(errors.map((one) => one.code))];
        assertEquals(codes, notYet ? ["NOT_YET"] : [], JSON.stringify(errors));
      });
    }
  }
});

test("library names exist", () => {
  const exported = read("mod.ts");
  const members: Readonly<Record<string, string>> = {
    container: read("runtime/lifecycle/handle.ts"),
    process: read("runtime/lifecycle/commands.ts"),
  };
  let count = 0;
  for (const name of ROWS.flatMap(({ library }) => library)) {
    const [object = "", member] = name.replace(/\(\)$/, "").split(".");
    const source = member === undefined ? exported : members[object] ?? "";
    const pattern = member === undefined ? `\\b${object}\\b` : `readonly ${member}: `;
    assert(new RegExp(pattern).test(source), name);
    count++;
  }
  assert(count > 30, `${count}`);
});

test("commands and their options are in the help", () => {
  let count = 0;
  for (const text of ROWS.flatMap(({ command }) => command)) {
    const [program, name, ...options] = text.split(" ");
    assertEquals(program, "containerv", text);
    const row = COMMANDS.find((one) => one.name === name);
    assert(row !== undefined, text);
    for (const option of options) {
      assert(row.options.some((one) => one.name === option), `${text}: ${option}`);
    }
    count++;
  }
  assert(count > 10, `${count}`);
});
