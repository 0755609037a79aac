/** The session of examples/04-shop, typed line by line, shows what stands there but for times, sizes and pids. */
import { assertEquals } from "@std/assert";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { REPOSITORY, runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

const EXAMPLE = `${REPOSITORY}/examples/04-shop`;
const SESSION = `${EXAMPLE}/session.txt`;

/** What is another each time. A column is as wide as its cells. */
function mask(text: string): string {
  return text
    .replace(/\b\d+(\.\d+)?( ms| s|s|m \d+s)\b/g, "TIME")
    .replace(/(?<= )(-|\d+(\.\d+)?(%|[KM]iB))(?= |$)/gm, "SIZE")
    .replace(/supervisor \d+/g, "supervisor PID")
    .replace(/ {2,}/g, "  ");
}

/** `a "b c" d` → its words. */
const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");

test("up -d, ps, logs, exec, cp, stop, down", { skip: missing(root()) }, async () => {
  using directory = tempDir();
  cpSync(EXAMPLE, directory.path, { recursive: true });
  const expected = readFileSync(SESSION, "utf8");
  const commands = expected.split("\n").filter((line) => line.startsWith("$ containerv "));
  let shown = "";
  try {
    for (const line of commands) {
      const { stdout, stderr } = await runCli(wordsOf(line).slice(2), { cwd: directory.path });
      shown += `${line}\n${stderr}${stdout}`.replaceAll(directory.path, ".");
    }
    assertEquals(readFileSync(directory.file("copied.sql")), readFileSync(`${EXAMPLE}/schema.sql`));
  } finally {
    await runCli(["down", "--time", "0", "--volumes"], { cwd: directory.path });
  }
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(SESSION, shown);
  else assertEquals(mask(shown), mask(expected));
});
