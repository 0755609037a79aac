/**
 * Tests written with the library: the two of the page that it was designed by, `ready` without a supervisor, eight files at the same
 * time, and a tester that is killed. CONTAINERV_TEST_FILES (default 8) says how many.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type Container,
  ContainervError,
  type Exit,
  load,
  type Process,
  type Spec,
  start,
} from "../../../mod.ts";
import { currentRuntime, PATIENCE, REPOSITORY, runProgram } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "../cli/sandbox.ts";

guardWorld();
const skip = missing(root());
const FILES = Number(process.env["CONTAINERV_TEST_FILES"] ?? "8");

/** A server that is not ready at once, in the shell that is there: it answers by a file. */
const SERVER = `commands: ["sleep 0.1; echo ready > /run/up; exec sleep 60"]
variables: {TAG: {default: "1"}}
environment: {TAG: "\${{ TAG }}"}
healthcheck: {exec: [test, -e, /run/up], interval: 50ms, retries: 100}
policy: none
`;

describe("the tests of the page", { skip }, () => {
  test("a server answers", async () => {
    using directory = tempDir();
    const spec = await load(directory.write("server.yaml", SERVER), { variables: { TAG: "17" } });
    const signal = AbortSignal.timeout(20_000);
    await using server: Container = await start(spec, { ready: "healthy", signal });
    assertMatch(server.name, /^server-[0-9a-z]{12}$/);
    // It was asked until it was so: by this process alone.
    const { code, stdout } = await server.exec(["sh", "-c", "cat /run/up; echo $TAG"]);
    assertEquals([code, stdout], [0, "ready\n17\n"]);
  });

  test("a build stays inside", async () => {
    using directory = tempDir();
    directory.write("src/build.sh", "echo building; echo oops >&2; echo made > /src/made\n");
    await using box = await start({ policy: "none" }, { stderr: "capture" }); // no command: idle
    await box.upload(directory.file("src"), "/src");
    await using make: Process = await box.spawn(["sh", "/src/build.sh"], { stdout: "capture" });
    let said = "";
    for await (const chunk of make.stdout ?? []) said += new TextDecoder().decode(chunk);
    const exit: Exit = await make.exited;
    assertEquals([said, exit.code, exit.reason], ["building\n", 0, "exited"]);
    const lines: string[] = [];
    for await (const line of box.logs()) lines.push(`${line.stream} ${line.text}`);
    assert(lines.includes("stdout building"), `${lines}`);
    // No policy is applied yet: what the kernel refuses a container of ours is the command's own failure.
    const refused = await assertRejects(
      () => box.exec(["unshare", "-m", "true"], { check: true }),
      ContainervError,
    );
    assertEquals(refused.code, "COMMAND_FAILED");
  });
});

describe("ready", { skip }, () => {
  const healthcheck = { exec: ["false"], interval: "10ms", retries: 2, startPeriod: "0s" };
  const rejected = async (spec: object): Promise<ContainervError> =>
    await assertRejects(
      () => start({ policy: "none", ...spec } as Spec, { ready: "healthy" }),
      ContainervError,
    );

  test("unhealthy, ended before, without a check: rejected, and ended", async () => {
    const commands = [["sleep", "60"]];
    const unhealthy = await rejected({ commands, healthcheck });
    assertEquals([unhealthy.code, unhealthy.yaml], ["UNHEALTHY", "/healthcheck"]);
    const ended = await rejected({
      commands: [["true"]],
      healthcheck: { ...healthcheck, retries: 1000 },
    });
    assertEquals([ended.code, /ended with 0/.test(ended.message)], ["UNHEALTHY", true]);
    assertEquals((await rejected({ commands })).code, "NO_HEALTHCHECK");
    // Who does not ask for its health would leave the check out.
    const left = await assertRejects(
      () => start({ commands, healthcheck } as Spec),
      ContainervError,
    );
    assertEquals(left.code, "NEEDS_UP");
  });

  test("an abort while it waits", async () => {
    const endless = { ...healthcheck, retries: 1_000_000 };
    const spec = { commands: [["sleep", "60"]], healthcheck: endless, policy: "none" } as Spec;
    const signal = AbortSignal.timeout(150);
    const reason = await start(spec, { ready: "healthy", signal }).catch((error) => error);
    assertEquals(reason.name, "TimeoutError");
  });
});

/** A file of tests as a user has it. */
const testFile = (body: string): string => `
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { start } from "${REPOSITORY}/mod.ts";
test("inside", async () => {
  await using box = await start({ limits: { pids: 16 }, policy: "none" });
  ${body}
});
`;

const runner = (file: string): readonly string[] =>
  currentRuntime() === "bun"
    ? [process.execPath, "test", `--timeout=${10_000 * PATIENCE}`, file]
    : [process.execPath, "test", "-A", "--no-check", "--config", `${REPOSITORY}/deno.json`, file];

const groupsOf = (name: string): readonly string[] =>
  ["pids", "unified", ""].map((hierarchy) => `/sys/fs/cgroup/${hierarchy}/containerv/${name}`)
    .filter((path) => existsSync(path));

describe("test files", { skip }, () => {
  test(`${FILES} at the same time: each its own container, nothing left`, async () => {
    using directory = tempDir();
    const results = await Promise.all(
      Array.from({ length: FILES }, (_, index) => {
        const said = directory.file(`${index}.txt`);
        const file = directory.write(
          `${index}_test.ts`,
          testFile(`
  const { stdout } = await box.exec(["cat", "/etc/hostname"]);
  writeFileSync("${said}", box.name + " " + stdout.trim());`),
        );
        return runProgram(runner(file), { cwd: directory.path, timeoutMs: 60_000 });
      }),
    );
    assertEquals(results.map(({ code }) => code), results.map(() => 0), results[0]?.stderr);
    const names = readdirSync(directory.path).filter((name) => name.endsWith(".txt"))
      .map((name) => readFileSync(directory.file(name), "utf8").split(" ")[0] ?? "");
    assertEquals([names.length, new Set(names).size], [FILES, FILES]);
    assertEquals(names.flatMap(groupsOf), []);
  });

  test("a tester that is killed leaves nothing", async () => {
    using directory = tempDir();
    const said = directory.file("name.txt");
    const file = directory.write(
      "killed_test.ts",
      testFile(`
  writeFileSync("${said}", box.name);
  process.kill(process.pid, "SIGKILL");
  await box.wait();`),
    );
    const { signal } = await runProgram(runner(file), { cwd: directory.path, timeoutMs: 60_000 });
    const name = readFileSync(said, "utf8");
    assertEquals(signal, "SIGKILL");
    for (const end = performance.now() + 5000 * PATIENCE; groupsOf(name).length > 0;) {
      assert(performance.now() < end, `${groupsOf(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});
