/** `run --reproducible` and `repro`: the same bytes twice from what would differ, and where the rest differs. */
import { assertEquals, assertMatch } from "@std/assert";
import { readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "./sandbox.ts";

guardWorld();
const skip = missing(root());

/** What a build may take from its surroundings: name, zone, addresses of stack and heap, times of what it is given. */
const TAKES =
  "mkdir /tmp/out; cd /tmp/out; hostname > name; date +%Z > zone; stat -c %Y /in > time; " +
  "grep -E 'heap|stack' /proc/self/maps | cut -d' ' -f1 > addresses; echo $SOURCE_DATE_EPOCH > epoch";

test("what a build takes from its surroundings is the same twice", { skip }, async () => {
  using directory = tempDir();
  directory.write("in", "in\n");
  const spec = {
    inputs: [{ from: "./in", to: "/in" }],
    outputs: [{ from: "/tmp/out", to: "./out" }],
    commands: [TAKES],
    policy: "none",
  };
  directory.write("a.yaml", JSON.stringify(spec));
  const env = { SOURCE_DATE_EPOCH: "1000000000" };
  const same = await runCli(["repro", "a.yaml"], { cwd: directory.path, env });
  assertEquals([same.code, readdirSync(directory.path).includes("out")], [0, false], same.stderr);
  assertMatch(same.stdout, /^✔ \/tmp\/out is the same twice · sha256:[0-9a-f]{64}\n$/);
  // Another name of the file, another day: still the same digest.
  directory.write("b.yaml", JSON.stringify(spec));
  const once = await runCli(["run", "--reproducible", "b.yaml"], { cwd: directory.path, env });
  assertEquals(once.code, 0, once.stderr);
  const digest = /sha256:[0-9a-f]+/.exec(same.stdout)?.[0] ?? "none";
  assertEquals(once.stderr.includes(digest), true, once.stderr);
  assertEquals(statSync(directory.file("out/name")).mtimeMs, 1e12);
});

test("the first byte that differs; a run that fails; nothing stays", { skip }, async () => {
  using directory = tempDir();
  const scratch = () => readdirSync(tmpdir()).filter((name) => name.startsWith(".containerv-"));
  const before = scratch();
  const outputs = [{ from: "/tmp/a", to: "./a" }];
  directory.write(
    "differs.yaml",
    JSON.stringify({
      outputs,
      commands: ["echo same > /tmp/a; date +%s >> /tmp/a"],
      policy: "none",
    }),
  );
  directory.write("fails.yaml", JSON.stringify({ outputs, commands: ["exit 3"], policy: "none" }));
  const differs = await runCli(["repro", "--json", "differs.yaml"], { cwd: directory.path });
  assertEquals(differs.code, 1, differs.stderr);
  const { same, outputs: [first] } = JSON.parse(differs.stdout);
  const { path, what, line } = first.differences[0];
  assertEquals([same, path, what, line], [false, "", "content", 2]);
  const fails = await runCli(["repro", "fails.yaml"], { cwd: directory.path });
  assertEquals([fails.code, fails.stdout], [125, ""]);
  assertMatch(fails.stderr, /run 1 of 2: commands\[0\] ended with 3/);
  assertEquals(scratch(), before);
});
