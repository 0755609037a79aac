// runs-under: bun, deno
import { assertEquals } from "@std/assert";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Summary } from "../../../../runtime/plan/plan.ts";
import { recallExec, rememberExec } from "../../../../runtime/state/exec_cache.ts";
import { tempDir } from "../../../support/temp.ts";

const SUMMARY: Summary = {
  limits: [],
  blame: {},
  policy: "policy none",
  commands: [{ name: "1", program: "true", origin: "command line" }],
  stop: { signal: 15, graceMs: 10_000 },
};
const IMAGE = new Uint8Array([0x7f, 0x45, 0, 255, 7]);
const COMMAND = '["true"]';
const KNOWN = { image: IMAGE, summary: SUMMARY, key: "bütld\0pid 7" };

describe("recallExec()", () => {
  test("gives what was remembered, for the same command and the same key alone", () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o700);
    assertEquals(recallExec(dir.path, COMMAND, KNOWN.key), undefined);
    assertEquals(rememberExec(dir.path, COMMAND, KNOWN), undefined);
    const known = recallExec(dir.path, COMMAND, KNOWN.key);
    assertEquals(known?.summary, SUMMARY);
    assertEquals([...(known?.image ?? [])], [...IMAGE]);
    assertEquals(recallExec(dir.path, COMMAND, `${KNOWN.key} `), undefined);
    assertEquals(recallExec(dir.path, COMMAND, KNOWN.key.slice(0, -1)), undefined);
    assertEquals(recallExec(dir.path, '["false"]', KNOWN.key), undefined);
  });

  test("a torn file is none, wherever it was torn", () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o700);
    rememberExec(dir.path, COMMAND, KNOWN);
    const [name] = readdirSync(dir.path);
    const whole = readFileSync(`${dir.path}/${name}`);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(`${dir.path}/${name}`, whole.subarray(0, length));
      assertEquals(recallExec(dir.path, COMMAND, KNOWN.key), undefined, `${length} bytes`);
    }
  });

  test("nothing is taken from a directory that others can write to", () => {
    using dir = tempDir();
    chmodSync(dir.path, 0o700);
    rememberExec(dir.path, COMMAND, KNOWN);
    chmodSync(dir.path, 0o720);
    assertEquals(recallExec(dir.path, COMMAND, KNOWN.key), undefined);
  });
});

describe("rememberExec()", () => {
  test("keeps a few commands, and leaves other files alone", () => {
    using dir = tempDir();
    writeFileSync(`${dir.path}/record.json`, "{}");
    for (let count = 0; count < 40; count++) rememberExec(dir.path, `["${count}"]`, KNOWN);
    const names = readdirSync(dir.path);
    assertEquals(names.includes("record.json"), true);
    assertEquals(names.length > 1 && names.length <= 17, true, names.join(" "));
  });
});
