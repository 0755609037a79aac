// runs-under: bun, deno
/** tests/security/guards.json: each mitigation still stands where the table says, and its test is there. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { REPOSITORY } from "../../support/cli.ts";

interface Row {
  readonly case: string;
  readonly file: string;
  readonly text: string;
  readonly with: string;
  readonly test: string;
  readonly name: string;
}

const rows = JSON.parse(
  readFileSync(`${REPOSITORY}/tests/security/guards.json`, "utf8"),
) as readonly Row[];

describe("the table of mitigations", () => {
  test("has more than 30, each once", () => {
    assert(rows.length > 30, `${rows.length}`);
    assertEquals(new Set(rows.map((row) => row.case)).size, rows.length);
  });

  for (const row of rows) {
    test(row.case, () => {
      const source = readFileSync(`${REPOSITORY}/${row.file}`, "utf8");
      assertEquals(source.split(row.text).length - 1, 1, `${row.file}: ${row.text}`);
      assert(row.with !== row.text);
      assert(existsSync(`${REPOSITORY}/${row.test}`), row.test);
    });
  }
});
