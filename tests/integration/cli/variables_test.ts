/** Variables by the command line: where values come from, and that secret ones are printed nowhere; profiles of `up`. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { describe, test } from "node:test";
import { type CliOptions, runCli } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "./sandbox.ts";

const SECRET = 'hunter2 "quoted" \\ and long enough to be cut';
const SPEC = `variables:
  TAG: {default: first}
  PASS: {required: put PASS=… in .env, secret: true}
commands: ["echo \${{ TAG }} $PASSED"]
environment: {PASSED: "\${{ PASS }}"}
policy: none
`;

describe("variables", { skip: missing(root()) }, () => {
  guardWorld();

  test("--set before the environment, that before .env beside the spec, that before the default", async () => {
    using directory = tempDir();
    const file = directory.write("v.yaml", SPEC);
    directory.write(".env", "PASS=from-file\n");
    const said = async (args: readonly string[], options: CliOptions = {}): Promise<string> => {
      const { code, stdout, stderr } = await runCli(["run", "-q", ...args, file], options);
      assertEquals(code, 0, stderr);
      return stdout;
    };
    assertEquals(await said([]), "first from-file\n");
    assertEquals(await said([], { env: { TAG: "second" } }), "second from-file\n");
    assertEquals(
      await said(["--set", "TAG=third", "--set", "PASS=x y"], { env: { TAG: "second" } }),
      "third x y\n",
    );
  });

  test("a secret is in no plan and no error; without a value nothing runs", async () => {
    using directory = tempDir();
    const file = directory.write("v.yaml", SPEC);
    const env = { PASS: SECRET };
    const half = SECRET.slice(0, 16);
    for (const how of [[], ["--calls"], ["--json"], ["--oci"], ["--diff", "crun"]]) {
      const { code, stdout, stderr } = await runCli(["plan", ...how, file], { env });
      assertEquals(code, 0, stderr);
      assert(!`${stdout}${stderr}`.includes("hunter2") && !stdout.includes(half), how.join(" "));
    }
    const bad = directory.write("bad.yaml", `${SPEC}user: "\${{ PASS }}"\n`);
    const wrong = await runCli(["validate", bad], { env });
    assertEquals([wrong.code, wrong.stderr.includes("hunter2")], [2, false], wrong.stderr);
    const none = await runCli(["run", file]);
    assertEquals([none.code, none.stdout], [125, ""]);
    assertStringIncludes(none.stderr, "put PASS=… in .env");
  });

  test("up --profile: what is asked for besides what is always there", async () => {
    using directory = tempDir();
    const name = `profiles-${process.pid}`;
    const one = "{commands: [[sleep, '60']], policy: none, stop: {grace: 0s}";
    const file = directory.write(
      `${name}.yaml`,
      `containers:\n  a: ${one}}\n  b: ${one}, profiles: [debug]}\n`,
    );
    const names = async (args: readonly string[]): Promise<readonly string[]> => {
      const up = await runCli(["up", "-d", ...args, file]);
      assertEquals(up.code, 0, up.stderr);
      const { stdout } = await runCli(["ps", file]);
      return stdout.split("\n").slice(1).flatMap((line) => line.split(" ")[0] || []);
    };
    try {
      assertEquals(await names([]), ["a"]);
      assertEquals(await names(["--profile", "debug"]), ["a", "b"]);
      const wrong = await runCli(["up", "-d", "--profile", "debgu", file]);
      assertEquals(wrong.code, 2);
      assertStringIncludes(wrong.stderr, 'no container has the profile "debgu"; there are debug');
    } finally {
      assertEquals((await runCli(["down", file])).code, 0);
    }
  });
});
