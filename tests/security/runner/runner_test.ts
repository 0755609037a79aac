/**
 * S5, S11, S12, S16, S18, S19: what a start does to the process that starts, and what that process does meanwhile. CONTAINERV_STARTS=1000
 * starts as many containers in each; the default is few.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { assert, assertEquals } from "@std/assert";
import {
  PR_SET_DUMPABLE,
  PR_SET_MDWE,
  PR_SET_MM,
  PR_SET_THP_DISABLE,
} from "../../../ffi/abi/prctl.ts";
import { run } from "../../../mod.ts";
import type { Instruction } from "../../../ffi/stage/language.ts";
import type { Emitter } from "../../../runtime/plan/emitter.ts";
import { definition, type Op } from "../../../runtime/plan/ops/registry.ts";
import {
  childrenOf,
  guardWorld,
  lives,
  processesOf,
  sh,
  startSpec,
  until,
} from "../../integration/cli/sandbox.ts";
import { missing, root } from "../../support/require.ts";
import { ALL_SAMPLES } from "../../unit/runtime/support/samples.ts";

guardWorld();
const skip = missing(root());
const STARTS = Number(process.env["CONTAINERV_STARTS"] ?? 12);

/** Every call that an operation can be lowered to, as numbers of its name's first word. */
function callsOf(op: Op): readonly { readonly name: string; readonly first: unknown }[] {
  const out: Instruction[] = [];
  let count = 0;
  const to: Emitter = {
    call: (call) => void out.push({ kind: "syscall", call, step: 0, onError: "x" }),
    add: (...more) => void out.push(...more),
    label: (name) => `${name} ${++count}`,
  };
  definition(op).lower(op, to);
  return out.flatMap((one) =>
    one.kind === "syscall" ? [{ name: one.call.name, first: one.call.words[0] }] : []
  );
}

/** What of /proc/self/status must be as it was. */
function ownStatus(): string {
  const text = readFileSync("/proc/self/status", "utf8");
  const kept =
    /^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap\w+|THP_enabled|SigBlk|SigIgn|CoreDumping|Umask):.*$/gm;
  return [
    ...text.match(kept) ?? [],
    readFileSync("/proc/self/oom_score_adj", "utf8"),
    readFileSync("/proc/self/limits", "utf8"),
    `${statSync("/proc/self/mem").uid}`,
  ].join("\n");
}

test("S5: no operation changes the whole memory of a process but its dumpable bit", () => {
  const forbidden: readonly unknown[] = [PR_SET_MDWE, PR_SET_MM, PR_SET_THP_DISABLE];
  const all = (ALL_SAMPLES as readonly Op[]).flatMap(callsOf);
  const prctls = all.filter(({ name }) => name === "prctl").map(({ first }) => Number(first));
  assert(prctls.includes(PR_SET_DUMPABLE), "the samples have prctl calls");
  assertEquals(prctls.filter((option) => forbidden.includes(option)), []);
  assertEquals(all.filter(({ name }) => /^(mlockall|munlockall)$/.test(name)), []);
});

describe("the process that starts containers", { skip }, () => {
  test("S5, S12, S18: is as it was, with right statuses, while it collects garbage and has other children", async () => {
    await run({ policy: "none", commands: [["true"]] });
    const before = ownStatus();
    const collect = (globalThis as { Bun?: { gc: (now: boolean) => void } }).Bun?.gc;
    let over = false;
    const litter = async (): Promise<void> => {
      while (!over) {
        // What the collector moves and gives back, if it were the plan's.
        let waste = 0;
        for (let i = 0; i < 200; i++) waste += new Uint8Array(4096).fill(i)[i] ?? 0;
        collect?.(waste % 2 === 0);
        await sleep(0);
      }
    };
    const littering = litter();
    const wrong: string[] = [];
    const container = async (index: number): Promise<void> => {
      const word = `${index}-`.repeat(200);
      const { code, stdout } = await run({
        policy: "none",
        commands: [sh(`printf %s "$WORD"; exit ${index % 200}`)],
        environment: { WORD: word },
      });
      if (code !== index % 200 || stdout !== word) wrong.push(`container ${index}: ${code}`);
    };
    const child = (index: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const one = spawn("/bin/sh", ["-c", `exit ${index % 200}`], { stdio: "ignore" });
        one.once("error", reject);
        one.once("exit", (code) => {
          if (code !== index % 200) wrong.push(`child ${index}: ${code}`);
          resolve();
        });
      });
    for (let from = 0; from < STARTS; from += 6) {
      const batch = Array.from({ length: Math.min(6, STARTS - from) }, (_, index) => from + index);
      await Promise.all(batch.flatMap((index) => [container(index), child(index)]));
    }
    over = true;
    await littering;
    assertEquals(wrong, []);
    assertEquals(ownStatus(), before);
    assertEquals(zombies(), []);
  });

  test("S11: a container that a worker started does not end with the worker's thread", async () => {
    const worker = new Worker(new URL("./creator.ts", import.meta.url));
    const said = await new Promise<{ readonly refused?: string }>(
      (resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      },
    );
    const pid = firstOfOurs();
    await worker.terminate();
    await sleep(100);
    try {
      // Either it was never started, or it lives on, until this process ends.
      assertEquals([said.refused === undefined, lives(pid)], [true, true], said.refused ?? "");
    } finally {
      if (lives(pid)) process.kill(pid, "SIGKILL");
    }
    // Its stage takes its groups back by itself.
    await until(() => childrenOf(process.pid).length === 0, "the stage is gone");
  });
});

const zombies = (): readonly string[] =>
  readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      const text = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return state === "Z" && Number(parent) === process.pid;
    } catch {
      return false; // it is gone
    }
  });

/** The first process of the only container below this process. */
function firstOfOurs(): number {
  for (const stage of childrenOf(process.pid)) {
    const [first] = childrenOf(stage);
    if (first !== undefined) return first;
  }
  return 0;
}

describe("a container by itself", { skip }, () => {
  test("S16, S19: its memory is charged to its group; PID 1 can't be looked into while it is of ours", async () => {
    const begun = startSpec({
      policy: "none",
      init: true,
      limits: { memory: "64MiB" },
      commands: [sh("head -c 20971520 /dev/zero > /dev/shm/filled; echo up; exec sleep 60")],
    }, "charged");
    try {
      await begun.says("up");
      const { first } = processesOf(begun);
      const group = readFileSync(`/proc/${first}/cgroup`, "utf8").split("\n")
        .map((line) => line.split(":")).find(([, names = "", path = ""]) =>
          path.includes("containerv") && (names === "memory" || names === "")
        );
      const [, names = "", path = ""] = group ?? [];
      const file = names === "memory"
        ? `/sys/fs/cgroup/memory${path}/memory.usage_in_bytes`
        : `/sys/fs/cgroup${path}/memory.current`;
      assert(Number(readFileSync(file, "utf8")) > 20 << 20, file);
      // A process that can't be dumped is root's in /proc, whoever it is.
      const mapped = startSpec({
        policy: "none",
        init: true,
        userns: {
          uids: [{ inside: 0, outside: 300000, count: 1000 }],
          gids: [{ inside: 0, outside: 300000, count: 1000 }],
        },
        commands: [sh("echo up; exec sleep 60")],
      }, "shut");
      try {
        await mapped.says("up");
        const shut = processesOf(mapped).first;
        assertEquals(
          /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${shut}/status`, "utf8"))?.[1],
          "300000",
        );
        // The directory itself shows its user; what is in it, its owner.
        assertEquals(statSync(`/proc/${shut}/mem`).uid, 0);
      } finally {
        process.kill(mapped.pid, "SIGKILL");
        await mapped.ended;
      }
    } finally {
      process.kill(begun.pid, "SIGKILL");
      await begun.ended;
    }
  });
});
