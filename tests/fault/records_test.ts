// timeout-seconds: 900
/**
 * Every system call of a start and of its taking back fails on the real kernel, and the stage is killed at every one of them:
 * nothing hangs, what fails is named, and nothing is left.
 *
 * A call is made to fail by its number: the tests' own seccomp filter answers 0x4000 + errno with that errno. The stage is held at
 * a record by making it pause(2).
 *
 * CONTAINERV_RECORDS=all: each record with each errno, and killed at each. By default some records, each with one errno.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as errnos from "../../ffi/abi/errno.ts";
import { showCall } from "../../ffi/calls/call.ts";
import { decode } from "../../ffi/stage/decode.ts";
import * as layout from "../../ffi/stage/layout.ts";
import { prepare, type Prepared } from "../../runtime/lifecycle/prepare.ts";
import { start, type Startable, type Started } from "../../runtime/lifecycle/start.ts";
import { loadObject } from "../../spec/load.ts";
import { childrenOf, guardWorld, lives } from "../integration/cli/sandbox.ts";
import { PATIENCE } from "../support/cli.ts";
import { controller, missing, root } from "../support/require.ts";
import { answerMadeUpNumbers, FIRST_MADE_UP } from "./made_up_numbers.ts";

guardWorld();
const all = process.env["CONTAINERV_RECORDS"] === "all";
const ERRNOS = ["ENOMEM", "ENOSPC", "EMFILE", "EPERM", "ENOSYS", "EINTR", "EAGAIN"] as const;
/** pause(2) of x86-64. */
const PAUSE = 34;
/** A start here takes some 10 ms. */
const HANG_MS = 20_000 * PATIENCE;

const SPEC = {
  name: `records-${process.pid}`,
  policy: "none",
  user: "1000:1000",
  limits: { memory: "64MiB", pids: 32 },
  commands: [["true"]],
} as const;

function prepared(): Prepared {
  const { desired } = loadObject(SPEC, { name: SPEC.name, directory: "/" });
  const [container] = desired?.containers ?? [];
  if (container === undefined) throw new Error("the spec of the test is wrong");
  return prepare(container, { instance: SPEC.name });
}

/** Indices of the records that are system calls. */
function callsOf({ image }: Prepared): readonly number[] {
  return decode(image).records.flatMap(({ kind }, index) =>
    kind === "syscall" && index >= layout.LOADER_RECORDS ? [index] : []
  );
}

/** exit_group(2) never returns; the wait for the container's end is asked again for as long as it is only disturbed. */
function canFail({ records }: Prepared, record: number, errno: string): boolean {
  const instruction = records[record];
  const call = instruction?.kind === "syscall" ? showCall(instruction.call) : "";
  if (call.startsWith("exit_group(")) return false;
  return !(call.startsWith("ppoll(&watched") && (errno === "EINTR" || errno === "ENOMEM"));
}

/** The image with another number in one record. */
function patched({ image, plan, ...rest }: Prepared, record: number, number: number): Startable {
  const bytes = image.slice();
  const view = new DataView(bytes.buffer);
  const records = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORDS_ADDRESS, true);
  const offset = records - layout.DATA_BASE + record * layout.RECORD_SIZE;
  assertEquals(view.getUint8(offset), layout.KIND_SYSCALL);
  view.setUint32(offset + layout.RECORD_NUMBER, number, true);
  const startable: Startable = {
    image: bytes,
    summary: plan.summary,
    explain: () => Promise.resolve({ ...rest, plan, image: bytes }),
    rename: () => Promise.resolve(startable),
  };
  return startable;
}

/** A record as a message tells it. */
function nameOf({ records }: Prepared, record: number): string {
  const instruction = records[record];
  return `record ${record}, ${instruction?.kind === "syscall" ? showCall(instruction.call) : "?"}`;
}

const GROUPS = readFileSync("/proc/self/mountinfo", "utf8").split("\n")
  .filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(" ")[4] ?? "");

const groupsLeft = (): readonly string[] =>
  GROUPS.map((mount) => `${mount}/containerv/${SPEC.name}`).filter((path) => existsSync(path));

/** Null device as all three streams. */
function begin(startable: Startable): Started {
  const fd = openSync("/dev/null", "r+");
  try {
    return start(startable, [fd, fd, fd]);
  } finally {
    closeSync(fd);
  }
}

type Ended = Awaited<Started["ended"]> | "hung" | Error;

async function endOf(started: Started): Promise<Ended> {
  const hung = new AbortController();
  const ended = started.ended.catch((error: Error) => error);
  const result = await Promise.race([
    ended,
    sleep(HANG_MS, "hung" as const, { signal: hung.signal }).catch(() => "hung" as const),
  ]);
  hung.abort();
  if (result !== "hung") return result;
  for (const pid of childrenOf(process.pid)) process.kill(pid, "SIGKILL");
  await ended;
  return "hung";
}

/** Some of them, spread evenly, or all. */
function chosen<T>(items: readonly T[], count: number): readonly T[] {
  const step = all ? 1 : items.length / count;
  return items.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
}

interface Found {
  readonly bad: string[];
  /** How the containers ended, counted; `killed` too. */
  readonly counts: Map<string, number>;
}

const count = ({ counts }: Found, what: string): Map<string, number> =>
  counts.set(what, (counts.get(what) ?? 0) + 1);

/** What is left of a group is noted and taken away: the next one shall show its own faults. */
async function noteGroups(found: Found, what: string): Promise<void> {
  const left = groupsLeft();
  if (left.length === 0) return;
  found.bad.push(`${what}: left ${left}`);
  await removeGroups();
}

async function removeGroups(): Promise<void> {
  for (let tries = 0; groupsLeft().length > 0; tries++) {
    for (const path of groupsLeft()) {
      try {
        rmdirSync(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EBUSY" || tries > 500) throw error;
        await sleep(2);
      }
    }
  }
}

async function failAt(
  ready: Prepared,
  { record, errno }: { readonly record: number; readonly errno: keyof typeof errnos },
  found: Found,
): Promise<void> {
  const what = `${errno} at ${nameOf(ready, record)}`;
  const ended = await endOf(begin(patched(ready, record, FIRST_MADE_UP + Number(errnos[errno]))));
  if (ended === "hung" || ended instanceof Error) {
    found.bad.push(`${what}: ${ended}`);
  } else {
    count(found, ended.reason);
    const { reason, failure } = ended;
    const named = failure === undefined ? "" : `${failure.message} ${failure.syscall}`;
    if (reason === "failed" && named === "") found.bad.push(`${what}: no message`);
  }
  await noteGroups(found, what);
  for (const pid of childrenOf(process.pid)) found.bad.push(`${what}: child ${pid} is left`);
}

async function killAt(ready: Prepared, record: number, found: Found): Promise<void> {
  const what = nameOf(ready, record);
  const started = begin(patched(ready, record, PAUSE));
  let over = false;
  const ended = endOf(started).finally(() => over = true);
  const [stage = 0] = childrenOf(process.pid);
  let family: readonly number[] = [];
  // Some records are only for what fails: then the container runs to its end.
  while (!over) {
    family = stage === 0 ? [] : [stage, ...childrenOf(stage)];
    if (family.some(pauses)) {
      process.kill(stage, "SIGKILL");
      count(found, "killed");
      break;
    }
    await sleep(1);
  }
  const outcome = await ended;
  if (outcome === "hung" || outcome instanceof Error) found.bad.push(`${what}: ${outcome}`);
  for (let tries = 0; family.some(lives) && tries < 250; tries++) await sleep(2);
  const left = family.filter(lives);
  for (const pid of left) process.kill(pid, "SIGKILL");
  // Not tethered it would go on, tether itself, and see that the stage is dead; only we hold it there.
  if (left.length > 0 && isUntethered(ready, record)) return await removeGroups();
  for (const pid of left) found.bad.push(`${what}: ${pid} lives`);
  await noteGroups(found, what);
}

describe("every record", {
  skip: missing(
    root(),
    controller("memory"),
    controller("pids"),
    process.arch === "x64" ? undefined : "needs x86-64: pause(2)",
  ),
}, () => {
  const ready = prepared();
  const records = callsOf(ready);
  const openFiles = () => readdirSync("/proc/self/fd").length;

  test("runs to its end when nothing is changed", async () => {
    const same = { ...patched(ready, records[0] ?? 0, 0), image: ready.image };
    const ended = await endOf(begin(same));
    assert(typeof ended === "object" && "status" in ended && ended.status === 0, `${ended}`);
  });

  test("fails: nothing hangs, a message says what, nothing is left", async () => {
    answerMadeUpNumbers();
    const found: Found = { bad: [], counts: new Map() };
    const cases = records.flatMap((record, index) =>
      (all ? ERRNOS : [ERRNOS[index % ERRNOS.length] ?? "EPERM"])
        .filter((errno) => canFail(ready, record, errno)).map((errno) => ({ record, errno }))
    );
    const before = openFiles();
    for (const one of chosen(cases, 60)) await failAt(ready, one, found);
    if (all) console.log(`${cases.length} faults: ${JSON.stringify([...found.counts])}`);
    assertEquals(found.bad, []);
    assert((found.counts.get("failed") ?? 0) > 20, JSON.stringify([...found.counts]));
    assert(openFiles() <= before, "open files");
  });

  test("is where the stage is killed: the runner ends the container and takes everything back", async () => {
    const found: Found = { bad: [], counts: new Map() };
    const before = openFiles();
    for (const record of chosen(records, 60)) await killAt(ready, record, found);
    if (all) console.log(`${records.length} records: ${JSON.stringify([...found.counts])}`);
    assertEquals(found.bad, []);
    assert((found.counts.get("killed") ?? 0) > 20, JSON.stringify([...found.counts]));
    assert(openFiles() <= before, "open files");
  });
});

/** Before the tether, and from the moment at which the process becomes another user until it is tethered again. */
function isUntethered({ records }: Prepared, record: number): boolean {
  const call = (one: (typeof records)[number]): string =>
    one.kind === "syscall" ? showCall(one.call) : "";
  const isTether = (text: string): boolean => text === "prctl(PR_SET_PDEATHSIG, SIGKILL)";
  const first = records.findIndex((one) => isTether(call(one)));
  const again = records.findLastIndex((one) => isTether(call(one)));
  const other = records.findIndex((one) => call(one).startsWith("setresgid(1000"));
  return record <= first || (record > other && record <= again);
}

/** True while the process is held at the record. */
function pauses(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/syscall`, "utf8").startsWith(`${PAUSE} `);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EPERM: it ends, or executes, at this moment.
    if (code === "ENOENT" || code === "ESRCH" || code === "EPERM") return false;
    throw error;
  }
}
