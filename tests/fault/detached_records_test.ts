// runs-under: bun, deno
// timeout-seconds: 3600
/**
 * Every system call of the programs that the detached verbs start: at each the stage is killed, at each the stage and its runner are
 * killed, and each fails with an errno. Nothing hangs, what fails is named, and after one gc what is not running is gone.
 *
 * CONTAINERV_RECORDS=all: each record, and each errno. By default some records of each verb. CONTAINERV_RECORD_VERBS=up,exec names the
 * verbs, CONTAINERV_RECORD_KINDS=stage,both,keeper,errno what is done at each (keeper: it is killed too), CONTAINERV_RECORD_POINTS=85-110
 * some of a program's records, CONTAINERV_RECORD_EVERY=5 each fifth of what is left. `stop`, `rm`, `down`, `cp` and `create` start no
 * program: steps_test.ts kills their runners.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as errnos from "../../ffi/abi/errno.ts";
import { syscallNames } from "../../ffi/abi/syscalls.ts";
import { viewProject } from "../../runtime/lifecycle/containers.ts";
import { placesOf, readProject } from "../../runtime/state/project.ts";
import { isBroken } from "../../runtime/state/record.ts";
import { guardWorld, lives, type SpecObject, statOf } from "../integration/cli/sandbox.ts";
import { currentRuntime, PATIENCE, REPOSITORY } from "../support/cli.ts";
import { controller, missing, root } from "../support/require.ts";
import { tempDir } from "../support/temp.ts";
import { childrenOf, descendantsOf, isHeld, letGo } from "./held.ts";
import { type Hold, type Patch, type PatchedRun, runPatched } from "./patched_images.ts";
import { answerMadeUpNumbers, FIRST_MADE_UP } from "./made_up_numbers.ts";

guardWorld();
const ALL = process.env["CONTAINERV_RECORDS"] === "all";
const VERBS = process.env["CONTAINERV_RECORD_VERBS"]?.split(",");
const [FROM = 0, TO = Infinity] = process.env["CONTAINERV_RECORD_POINTS"]?.split("-").map(Number) ??
  [];
const EVERY = Number(process.env["CONTAINERV_RECORD_EVERY"] ?? 1);
const KINDS = (process.env["CONTAINERV_RECORD_KINDS"] ?? "stage,both,keeper,errno").split(",");
const ERRNOS = ["ENOMEM", "ENOSPC", "EMFILE", "EPERM", "ENOSYS", "EINTR", "EAGAIN"] as const;
const HANG_MS = 20_000 * PATIENCE;

const one = {
  policy: "none",
  user: "1000:1000",
  limits: { memory: "64MiB", pids: 32 },
  commands: [["sleep", "600"]],
  stop: { grace: "0s" },
};
const SPEC: SpecObject = { containers: { one } };

interface Verb {
  readonly name: string;
  readonly words: (file: string) => readonly string[];
  /** Said before it, on the spec. */
  readonly before: readonly ((file: string) => readonly string[])[];
  readonly spec?: SpecObject;
  /** Written after `before`. */
  readonly then?: SpecObject;
  /** By default so many points of each kind; none: it is tested in the sweep alone. */
  readonly sample: number;
}

const up = (file: string): readonly string[] => ["up", "-d", file];
const VERB_LIST: readonly Verb[] = [
  { name: "up", words: up, before: [], sample: 3 },
  {
    name: "groupless",
    words: up,
    before: [],
    spec: { containers: { one: { policy: "none", commands: one.commands } } },
    sample: 1,
  },
  {
    name: "terminal",
    words: up,
    before: [],
    spec: { containers: { one: { ...one, tty: true } } },
    sample: 2,
  },
  {
    name: "start",
    words: (file) => ["start", "--file", file, "one"],
    before: [(file) => ["create", file]],
    sample: 0,
  },
  { name: "restart", words: (file) => ["restart", "--file", file, "one"], before: [up], sample: 0 },
  {
    name: "exec",
    words: (file) => ["exec", "--file", file, "one", "--", "true"],
    before: [up],
    sample: 2,
  },
  {
    name: "update",
    words: (file) => ["update", "--file", file, "one", "--pids", "30"],
    before: [up],
    sample: 2,
  },
  {
    name: "attach",
    words: up,
    before: [up],
    then: { containers: { one: { ...one, volumes: ["./source:/source"] } } },
    sample: 2,
  },
];

interface Box {
  readonly file: string;
  readonly key: string;
  readonly places: ReturnType<typeof placesOf>;
}

/** One point of the sweep: what is made before it, and what must be so after it. */
async function atPoint(
  verb: Verb,
  act: (box: Box) => Promise<{ readonly family: readonly number[]; readonly bad?: string }>,
): Promise<readonly string[]> {
  using directory = tempDir();
  mkdirSync(`${directory.path}/source`);
  const file = directory.write("containerv.yaml", JSON.stringify(verb.spec ?? SPEC));
  const places = placesOf("containerv", file);
  const box = { file, key: places.key, places };
  for (const words of verb.before) await saidWell(words(file));
  const first = viewProject(places).containers[0]?.pid;
  if (verb.then !== undefined) writeFileSync(file, JSON.stringify(verb.then));
  const { family, bad } = await act(box);
  const found = bad === undefined ? [] : [bad];
  const gc = await collectAll();
  found.push(...(await wrongNow(verb, { box, first, family })).map((what) => `${what}; ${gc}`));
  await saidWell(["down", "--time", "0", file]);
  for (let tries = 0; left(box, family).length > 0 && tries < 1000; tries++) await sleep(2);
  found.push(...left(box, family).map((what) => `after down: ${what}`));
  return found;
}

/** What gc says. Beside other tests it passes over what one of them holds at that moment, and says what else of theirs it can't have. */
async function collectAll(): Promise<string> {
  if (process.env["CONTAINERV_SHARED_MACHINE"] !== "1") return await saidWell(["gc"]);
  const runs = [await runPatched(["gc"]), await runPatched(["gc"])];
  return runs.map(({ code, output }) => `gc: ${code} ${output}`).join("; ");
}

async function saidWell(words: readonly string[]): Promise<string> {
  const { code, output } = await runPatched(words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${code} ${output}`);
  return `${words.join(" ")}: ${output}`;
}

/** After one gc a container runs as a whole, or is what it was, or is not there; of what is not there nothing is left. */
async function wrongNow(
  { name }: Verb,
  { box, first, family }: {
    readonly box: Box;
    readonly first: number | undefined;
    readonly family: readonly number[];
  },
): Promise<readonly string[]> {
  const { containers } = viewProject(box.places);
  const states = containers.map(({ state }) => state).join(" ");
  const [only] = containers;
  // A volume that can't be mounted while it runs is a reason to make it anew.
  const stays = ["exec", "update"].includes(name);
  if (stays && (only?.pid !== first || first === undefined || !lives(first))) {
    return [`${states}: it was ended`];
  }
  const good = ["running", "exited", "", ...(name === "start" ? ["created"] : [])];
  if (!good.includes(states)) return [`after gc it is ${states}`];
  const running = only?.pid;
  const rest = (): readonly number[] => family.filter((pid) => lives(pid) && !isOf(pid, running));
  for (let tries = 0; rest().length > 0 && tries < 500; tries++) await sleep(2);
  const found = rest().map((pid) => `after gc ${pid} lives`);
  if (containers.length === 0) found.push(...left(box, family).map((what) => `after gc: ${what}`));
  return found;
}

/** Of a container that runs: its first process and those below it, and the pump of its terminal, which is there as long as it is. */
const isOf = (pid: number, running: number | undefined): boolean =>
  running !== undefined && (pid === running || descendantsOf(running).includes(pid) ||
    statOf(pid)?.parent === statOf(running)?.parent);

const GROUPS = readFileSync("/proc/self/mountinfo", "utf8").split("\n")
  .filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");

function left({ key, places }: Box, family: readonly number[]): readonly string[] {
  return [
    ...GROUPS.map((mount) => `${mount}/containerv/${key}`).filter((path) => existsSync(path)),
    ...family.filter(lives).map((pid) => `process ${pid}`),
    ...[places.directory, places.lock].filter((path) => existsSync(path)),
  ];
}

/** The keeper's pid, if there is one on record. */
function keeperOf({ places }: Box): number | undefined {
  const record = readProject(places);
  return record === undefined || isBroken(record) ? undefined : record.keeper?.pid;
}

interface Held {
  readonly stage: number;
  readonly family: readonly number[];
}

/** The stage of which a process is held, as soon as one is; `undefined`: the command came to its end before. */
async function awaitHeld(
  box: Box,
  { runner, hold }: { readonly runner: number; readonly hold: Hold },
  isOver: () => boolean,
): Promise<Held | undefined> {
  while (!isOver()) {
    const parents = [runner, keeperOf(box)].filter((pid) => pid !== undefined);
    for (const parent of parents) {
      for (const stage of childrenOf(parent)) {
        const family = [stage, ...descendantsOf(stage)];
        if (family.some((pid) => isHeld(pid, hold))) return { stage, family };
      }
    }
    await sleep(1);
  }
  return undefined;
}

async function inTime<Result>(work: Promise<Result>): Promise<Result | "hung"> {
  const hung = new AbortController();
  const late = sleep(HANG_MS, "hung" as const, { signal: hung.signal }).catch(() =>
    "hung" as const
  );
  const result = await Promise.race([work, late]);
  hung.abort();
  return result;
}

const counts = new Map<string, number>();
const count = (what: string): void => {
  counts.set(what, (counts.get(what) ?? 0) + 1);
};

/** The stage is killed where it is held; its runner tells, and takes back. */
async function killStage(verb: Verb, box: Box, patch: Patch & Point) {
  let over = false;
  const run = runPatched(verb.words(box.file), patch).finally(() => over = true);
  const held = await awaitHeld(box, { runner: process.pid, hold: patch.hold }, () => over);
  if (held !== undefined) {
    count("killed");
    process.kill(held.stage, "SIGKILL");
    await letAllGo(patch, held);
  }
  const result = await inTime(run);
  const family = held?.family ?? [];
  if (result === "hung") {
    for (const pid of family.filter(lives)) process.kill(pid, "SIGKILL");
    await run;
    return { family, bad: "hung" };
  }
  const silent = held !== undefined && result.code !== 0 && !/error [A-Z_]+:/.test(result.output);
  return { family, ...(silent ? { bad: `no message: ${result.output}` } : {}) };
}

/**
 * What is still held when its stage is dead goes on: one that was not tethered yet ties itself and sees that the stage is dead, one whose
 * tether was taken off executes its command, and somebody has to end it.
 */
async function letAllGo({ hold }: Point, { family }: Held): Promise<void> {
  const held = (): readonly number[] => family.filter((pid) => isHeld(pid, hold));
  // The tethered ones die of the stage's death.
  for (let tries = 0; held().length > 0 && tries < 20; tries++) await sleep(2);
  for (const pid of held()) if (await letGo(pid, hold)) count("went on without their stage");
}

const SCRIPT = fileURLToPath(new URL("./patched_images.ts", import.meta.url));
const RUNNER: readonly string[] = currentRuntime() === "bun"
  ? [`${REPOSITORY}/node_modules/.bin/bun`, SCRIPT]
  : [`${REPOSITORY}/node_modules/.bin/deno`, "run", "-A", SCRIPT];

/** Stage and runner are killed, and the keeper: nobody is there who takes anything back, or of whom what is left is a child. */
async function killAll(verb: Verb, box: Box, patch: Patch & Point & { readonly keeper: boolean }) {
  const { image, record, number } = patch;
  const [program = "", ...words] = [...RUNNER, `${image}`, `${record}`, `${number}`];
  const child = spawn(program, [...words, ...verb.words(box.file)], { stdio: "ignore" });
  let over = false;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    .finally(() => over = true);
  const held = await awaitHeld(box, { runner: child.pid ?? 0, hold: patch.hold }, () => over);
  if (held !== undefined) {
    const keeper = patch.keeper ? keeperOf(box) : undefined;
    count(keeper === undefined ? "killed both" : "killed all three");
    process.kill(child.pid ?? 0, "SIGSTOP");
    process.kill(held.stage, "SIGKILL");
    if (keeper !== undefined) process.kill(keeper, "SIGKILL");
    process.kill(child.pid ?? 0, "SIGKILL");
    await letAllGo(patch, held);
  }
  if (await inTime(ended) === "hung") {
    child.kill("SIGKILL");
    return { family: held?.family ?? [], bad: "hung" };
  }
  return { family: held?.family ?? [] };
}

const NAMES = syscallNames("x86_64");

/** The call fails: the command says which, or can do without it. */
async function failAt(
  verb: Verb,
  box: Box,
  { patch, errno, call }: {
    readonly patch: Omit<Patch, "number">;
    readonly errno: (typeof ERRNOS)[number];
    readonly call: string;
  },
) {
  const number = FIRST_MADE_UP + Number(errnos[errno]);
  const run = runPatched(verb.words(box.file), { ...patch, number });
  const result = await inTime(run);
  if (result === "hung") {
    for (const pid of descendantsOf(keeperOf(box) ?? 0)) process.kill(pid, "SIGKILL");
    await run;
    return { family: [], bad: "hung" };
  }
  count(result.code === 0 ? "went on" : "failed");
  // Where it is the report that can't be written, nobody can know more than that the program is gone.
  const named = result.code === 0 || result.output.includes(call) ||
    /step +\d/.test(result.output) || call === "write" && /error \w+_LOST:/.test(result.output);
  return { family: [], ...(named ? {} : { bad: `${call} is not named: ${result.output}` }) };
}

/** Some of them, spread evenly, or all. */
function chosen<T>(items: readonly T[], number: number): readonly T[] {
  if (ALL) return items.filter((_, index) => index % EVERY === 0);
  const step = items.length / number;
  return items.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

interface Point extends Omit<Patch, "number"> {
  readonly call: string;
  readonly hold: Hold;
}

async function pointsOf(verb: Verb): Promise<readonly Point[]> {
  let points: readonly Point[] = [];
  const bad = await atPoint(verb, async ({ file }) => {
    const run: PatchedRun = await runPatched(verb.words(file));
    assertEquals(run.code, 0, run.output);
    points = run.images.flatMap(({ calls, holds }, image) =>
      [...calls].map(([record, number]) => ({
        image,
        record,
        call: NAMES.get(number) ?? "?",
        hold: holds(record),
      }))
    );
    return { family: [] };
  });
  assertEquals(bad, []);
  assert(points.length > 0, "no program was started");
  return points.filter(({ record }) => record >= FROM && record <= TO);
}

describe("every record of a detached verb's programs", {
  skip: missing(
    root(),
    controller("memory"),
    controller("pids"),
    process.arch === "x64" ? undefined : "needs x86-64: pause(2)",
  ),
}, () => {
  for (const verb of VERB_LIST.filter(({ name }) => VERBS?.includes(name) ?? true)) {
    if (verb.sample === 0 && !ALL) continue;
    test(`${verb.name}: killed there, killed there with its runner, failing there`, async () => {
      answerMadeUpNumbers();
      const points = await pointsOf(verb);
      const bad: string[] = [];
      counts.clear();
      const note = (
        what: string,
        { call, image, record }: Point,
        found: readonly string[],
      ): void => {
        for (const one of found) {
          bad.push(`${what} at record ${record} of ${image}, ${call}: ${one}`);
          if (ALL) console.log(bad.at(-1));
        }
      };
      for (const point of KINDS.includes("stage") ? chosen(points, verb.sample) : []) {
        const act = (box: Box) => killStage(verb, box, { ...point, number: "held" });
        note("stage killed", point, await atPoint(verb, act));
      }
      for (const kind of KINDS.filter((one) => ["both", "keeper"].includes(one))) {
        for (const point of chosen(points, verb.sample / 2)) {
          const patch = { ...point, number: "held", keeper: kind === "keeper" } as const;
          note(`${kind} killed`, point, await atPoint(verb, (box) => killAll(verb, box, patch)));
        }
      }
      const cases = points.filter(({ call }) => call !== "exit_group").flatMap((patch, index) =>
        (ALL ? ERRNOS : [ERRNOS[index % ERRNOS.length] ?? "EPERM"])
          .map((errno) => ({ patch, errno, call: patch.call }))
          // A wait that fails for ever with what passes, as no kernel's does, is made again for ever.
          .filter(({ call, errno }) => call !== "ppoll" || !["EINTR", "ENOMEM"].includes(errno))
          // Whatever close(2) answers, the descriptor is closed: a made-up number leaves it open, as no kernel does.
          .filter(({ call }) => call !== "close")
      );
      for (const one of KINDS.includes("errno") ? chosen(cases, verb.sample) : []) {
        note(one.errno, one.patch, await atPoint(verb, (box) => failAt(verb, box, one)));
      }
      if (ALL) console.log(verb.name, points.length, "records,", cases.length, "faults", counts);
      assertEquals(bad, []);
    });
  }
});
