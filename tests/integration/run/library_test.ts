/** The library: handles, streams, errors, and what is left when a handle's scope is left. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type Container,
  ContainervError,
  load,
  plan,
  run,
  type Spec,
  start,
} from "../../../mod.ts";
import { currentRuntime, PATIENCE, runProgram } from "../../support/cli.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { IDLE_LOOP } from "../cli/sandbox.ts";

const skip = missing(root());
const sh = (script: string): readonly string[] => ["/bin/sh", "-c", script];

async function textOf(stream: ReadableStream<Uint8Array> | undefined): Promise<string> {
  return await new Response(stream ?? null).text();
}

/** A container whose shell has set its trap: PID 1 does not see a signal that it has no handler for. */
async function trapping(trap: string, spec: Partial<Spec> & object = {}): Promise<Container> {
  const script = `${trap}; echo ready; ${IDLE_LOOP}`;
  const container = await start({ ...spec, commands: [sh(script)] } as Spec, { stdout: "capture" });
  const reader = container.stdout?.getReader();
  assertEquals(new TextDecoder().decode((await reader?.read())?.value), "ready\n");
  return container;
}

describe("start()", { skip }, () => {
  test("gives a handle when the command was executed; its output comes as it is written", async () => {
    await using container = await start({ commands: [sh("echo first; cat; exit 4")] }, {
      stdin: "second\n",
      stdout: "capture",
    });
    assertMatch(container.name, /^container-[0-9a-z]{12}$/);
    assertEquals(await textOf(container.stdout), "first\nsecond\n");
    assertEquals(await container.exited, { code: 4, reason: "exited" });
  });

  test("rejects when the command can't be executed, with several commands too", async () => {
    for (const commands of [[["nonexistent"]], [["nonexistent"], ["true"]]]) {
      const error = await assertRejects(() => start({ commands } as Spec), ContainervError);
      assertEquals(error.code, "COMMAND_NOT_FOUND");
    }
  });

  test("stop() sends the stop signal, and SIGKILL after the grace time", async () => {
    await using polite = await trapping("trap 'exit 9' TERM");
    assertEquals((await polite.stop()).code, 9);
    await using stubborn = await trapping("trap '' TERM", { stop: { grace: "200ms" } });
    assertEquals(await stubborn.stop(), { code: 137, signal: "SIGKILL", reason: "signal" });
  });

  test("kill() sends any signal", async () => {
    await using container = await trapping("trap 'exit 3' USR1");
    container.kill("SIGUSR1");
    assertEquals((await container.exited).code, 3);
  });

  test("leaving the scope ends it and leaves no descriptor and no process", async () => {
    const fds = (): number => readdirSync("/proc/self/fd").length;
    await (await start({ commands: [["sleep", "30"]] }))[Symbol.asyncDispose]();
    const before = fds();
    for (let i = 0; i < 5; i++) {
      await using _container = await start({ commands: [["sleep", "30"]] });
    }
    assertEquals(fds(), before);
  });

  test("an abort signal ends it", async () => {
    const controller = new AbortController();
    await using container = await start({ commands: [["sleep", "30"]] }, {
      signal: controller.signal,
    });
    controller.abort();
    assertEquals((await container.exited).signal, "SIGKILL");
  });
});

describe("errors", () => {
  test("of an object name the path, all at once", async () => {
    const wrong = { comands: [], limits: { memory: "12Q" } } as unknown as Spec;
    const error = await assertRejects(() => plan(wrong), ContainervError);
    assertEquals(error.code, "SPEC_INVALID");
    const pointers = (error.facts.diagnostics ?? []).map((one) => one.pointer);
    assert(pointers.includes("/comands") && pointers.includes("/limits/memory"), `${pointers}`);
  });

  test("of a file name line and column", async () => {
    using directory = tempDir();
    const file = join(directory.path, "bad.yaml");
    writeFileSync(file, 'commands: [["true"]]\nlimits: {memory: 12Q}\n');
    const error = await assertRejects(() => load(file), ContainervError);
    assertEquals(error.yaml, `${file}:2:18`);
  });

  test("of a machine name the line too", { skip }, async () => {
    using directory = tempDir();
    const file = join(directory.path, "user.yaml");
    writeFileSync(file, 'commands: [["true"]]\nuser: nobody-has-this-name\n');
    const spec = await load(file);
    const error = await assertRejects(() => run(spec), ContainervError);
    assertEquals([error.code, error.yaml], ["NO_SUCH_USER", `${file}:2:1`]);
  });
});

describe("a program that uses the library", { skip }, () => {
  const program = (body: string): Promise<Awaited<ReturnType<typeof runProgram>>> => {
    const file = join(process.cwd(), `.library-${process.pid}-${Math.random()}.ts`);
    writeFileSync(file, `import { run, start } from "./mod.ts";\n${body}\n`);
    const argv = currentRuntime() === "bun"
      ? [process.execPath, file]
      : [process.execPath, "run", "-A", "--no-check", file];
    return runProgram(argv).finally(async () => {
      const { rmSync } = await import("node:fs");
      rmSync(file);
    });
  };

  test("ends by itself when nothing of its containers is awaited any more", async () => {
    const { code, ms, stdout } = await program(
      'await run({commands: [["true"]]}); console.log("done");',
    );
    assertEquals([code, stdout], [0, "done\n"]);
    assert(ms < 20_000 * PATIENCE);
  });

  test("takes its containers with it when it dies", async () => {
    const { stdout } = await program(
      'const c = await start({commands: [["sleep", "60"]], limits: {pids: 9}});' +
        "console.log(c.name); process.kill(process.pid, 'SIGKILL');",
    );
    const name = stdout.trim();
    assertMatch(name, /^container-/);
    const groups = ["pids", "unified", ""].map((h) =>
      join("/sys/fs/cgroup", h, "containerv", name)
    );
    const deadline = performance.now() + 3000 * PATIENCE;
    while (groups.some((path) => existsSync(path)) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(groups.filter((path) => existsSync(path)), []);
  });
});
