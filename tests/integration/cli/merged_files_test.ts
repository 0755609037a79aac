/** Specs of several files, as the command line reads them. */
import { assertEquals, assertMatch } from "@std/assert";
import { mkdirSync, symlinkSync } from "node:fs";
import { test } from "node:test";
import { runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
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

test("every verb takes the files as up did, or the first of them, and means one project", {
  skip: missing(root()),
}, async () => {
  using directory = tempDir();
  const cwd = directory.path;
  directory.write("base.yaml", "name: merged\ncommands: [[sleep, '60']]\nstop: {grace: 0s}\n");
  directory.write("over.yaml", "labels: {v: '1'}\nsecrets: {/run/s: topsecret}\nlimits: {pids: 9}");
  const cv = (...words: readonly string[]) => runCli(words, { cwd });
  const both = ["-f", "base.yaml", "-f", "over.yaml"];
  const good = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cv(...words);
    assertEquals(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout + stderr;
  };
  try {
    await good("up", "-d", ...both);
    assertMatch(await good("ps", ...both), /^merged +running/m);
    assertMatch(await good("ps", "-f", "base.yaml"), /^merged +running/m);
    assertMatch(await good("exec", ...both, "merged", "--", "cat", "/run/s"), /topsecret/);
    await good("diff", ...both);
    await good("logs", "--file", "base.yaml", "--file", "over.yaml");
    // The values of secrets are in no record: the spec is read again, all of it.
    await good("restart", ...both);
    assertMatch(await good("exec", "merged", "--", "cat", "/run/s"), /topsecret/);
    assertMatch(await good("update", "merged", "--pids", "11", ...both), /base\.yaml/);
    await good("stop", ...both);
    const absent = await cv("down", "-f", "base.yaml", "-f", "none.yaml");
    assertEquals([absent.code, /there is no none\.yaml/.test(absent.stderr)], [2, true]);
    assertMatch(await good("unit", ...both), /base\.yaml --file \/.*over\.yaml\n/);
  } finally {
    assertMatch(await good("down", ...both), /1 container removed/);
  }
});
