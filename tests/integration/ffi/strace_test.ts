import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { showCall } from "../../../ffi/calls/call.ts";
import { missing, root, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { CALLS } from "./strace_calls.ts";

const fixture = fileURLToPath(new URL("./strace_calls.ts", import.meta.url));

/** A cell's name stands where strace, before the call, knows an address. */
const pattern = (text: string): RegExp =>
  new RegExp(
    `^${
      text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/&[a-z ]+(\\\+\d+)?/g, "0x[0-9a-f]+")
    } += `,
  );

test("the calls' text is what strace prints", { skip: missing(tool("strace"), root()) }, () => {
  using directory = tempDir();
  const log = join(directory.path, "log");
  const runtime = "Deno" in globalThis && !("Bun" in globalThis)
    ? [process.execPath, "run", "-A", "--no-check"]
    : [process.execPath];
  // -ff: a file per thread, so that no line is cut in two by another thread's.
  const strace = ["-ff", "-qq", "-v", "-s", "4096", "-o", log, ...runtime, fixture];
  const ran = spawnSync("strace", strace, { encoding: "utf8", timeout: 60_000 });
  assertEquals(ran.status, 0, ran.stderr);
  const lines = readdirSync(directory.path)
    .flatMap((name) => readFileSync(join(directory.path, name), "utf8").split("\n"))
    .map((line) => line.replaceAll(" /* MS_??? */", ""));
  const wrong: string[] = [];
  for (const call of CALLS) {
    const wanted = pattern(showCall(call));
    if (lines.some((line) => wanted.test(line))) continue;
    const near = lines.filter((line) => line.startsWith(`${call.name}(`)).slice(-8);
    wrong.push(`${showCall(call)}\n    ${near.join("\n    ")}`);
  }
  assert(wrong.length === 0, `not found in strace's log:\n${wrong.join("\n")}`);
});
