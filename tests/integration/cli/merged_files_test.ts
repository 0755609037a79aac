/** Specs of several files, as the command line reads them. */
import { assertEquals, assertMatch } from "@std/assert";
import { mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { runCli } from "../../support/cli.ts";
import { tempDir } from "../../support/temp.ts";

test("-f over -f, extends beside it; plan and errors name the file; no link leads out", async () => {
  using directory = tempDir();
  using other = tempDir();
  mkdirSync(directory.file("sub"));
  directory.write("sub/base.yaml", "limits: {pids: 8}\nhostname: theirs\ncommands: [['true']]\n");
  directory.write("a.yaml", "extends: ./sub/base.yaml\npolicy: none\n");
  const over = other.write("over.yaml", "hostname: mine\n");
  const cwd = directory.path;
  const host = `${new URL("../../golden/plan/host_v2.json", import.meta.url).pathname}`;
  const plan = await runCli(["plan", "--host", host, "-f", "a.yaml", "-f", over], { cwd });
  assertEquals(plan.code, 0, plan.stderr);
  assertMatch(plan.stdout, /pids\.max", "8"\) +sub\/base\.yaml:1 limits\.pids$/m);
  assertMatch(plan.stdout, new RegExp(`sethostname\\("mine"\\) +${over}:1 hostname$`, "m"));
  other.write("secret.yaml", "hostname: secret\n");
  symlinkSync(other.path, directory.file("out"));
  directory.write("b.yaml", "extends: ./out/secret.yaml\n");
  const out = await runCli(["validate", "b.yaml"], { cwd });
  assertEquals([out.code, out.stderr.includes("no such file")], [2, true], out.stderr);
  directory.write("sub/base.yaml", "\nlimits: {pid: 8}\n");
  const wrong = await runCli(["validate", "a.yaml"], { cwd });
  assertMatch(wrong.stderr, /^sub\/base\.yaml:2:10: error: unknown key `pid`$/m);
});
