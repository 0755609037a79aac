/** Answers a stage that asks for what only the runner can do: ids of a user namespace, and its own place in a group. */
import { EBUSY, EINTR, ENODEV, ENOENT } from "../../ffi/abi/errno.ts";
import { AT_REMOVEDIR, O_CLOEXEC, O_DIRECTORY, O_PATH, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { MSG_DONTWAIT } from "../../ffi/abi/socket.ts";
import { write } from "../../ffi/calls/io.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { mkdirat, unlinkat } from "../../ffi/calls/path.ts";
import { sendto } from "../../ffi/calls/socket.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFile, readFileAt } from "../../ffi/linux/file.ts";
import { openPipe } from "../../ffi/linux/pair.ts";
import { readOnce, waitForFd } from "../../ffi/linux/poll.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import { spawnFile } from "../../ffi/linux/spawn.ts";
import { ContainervError } from "../plan/error.ts";
import type { Ask, AskGather, AskMaps, AskMove, IdMap } from "../plan/ops/ask.ts";
import { ANSWER, type Report } from "../plan/report.ts";
import { gather, moveProcess } from "./freezer.ts";
import { drainReports, hasEnded, type Stage } from "./stage.ts";

/** How long the event loop stands still at a time while a stage is about to ask. */
const SLICE_MS = 2;

/**
 * Resolves when all was asked and answered, or when the stage has failed; its other reports go to `others`. Rejects with what could
 * not be done; the stage has been told then, and takes everything back.
 */
export async function answerAsks(
  stage: Stage,
  asks: readonly Ask[],
  others: Report[],
): Promise<void> {
  for (let answered = 0; answered < asks.length;) {
    const ready = waitForFd({ fd: stage.control, timeoutMs: SLICE_MS });
    if (ready === 0) {
      if (hasEnded(stage)) return;
      await new Promise((resolve) => setTimeout(resolve, 0));
      continue;
    }
    const reports = drainReports(stage);
    others.push(...reports.filter((report) => report.kind !== "ask"));
    // Readable, and nothing to read: its end.
    if (reports.length === 0 || reports.some(({ kind }) => kind === "undone")) return;
    for (const report of reports) {
      if (report.kind !== "ask") continue;
      await answerOne(stage, { ask: asks[report.a], before: asks.slice(0, report.a) }, report.b);
      answered++;
    }
  }
}

interface Answering {
  readonly ask: Ask | undefined;
  /** Asks that were answered. */
  readonly before: readonly Ask[];
}

async function answerOne(stage: Stage, { ask, before }: Answering, pid: number): Promise<void> {
  try {
    if (ask === undefined) throw new Error("a stage asks for what is not in its plan");
    if (ask.kind === "move") makeRoom(ask);
    else if (ask.kind === "gather") gatherInto(ask, before);
    else await mapIds(ask, { pid, parent: stage.pid });
  } catch (error) {
    answer(stage, ANSWER.failed);
    throw error instanceof SyscallError && ask !== undefined ? explain(error, ask) : error;
  }
  answer(stage, ANSWER.done);
}

function answer(stage: Stage, word: number): void {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setUint32(0, word, true);
  const call = sendto({ sockfd: stage.control, buf: message, flags: MSG_DONTWAIT });
  while (callSync(call) === -EINTR);
}

function explain(error: SyscallError, ask: Ask): ContainervError {
  const what = ask.kind === "maps"
    ? "cannot map the ids of the container"
    : ask.kind === "move"
    ? `cannot leave the group ${ask.from}`
    : `cannot move the container's processes into ${ask.to}`;
  return new ContainervError({
    code: "SYSCALL_FAILED",
    message: `${what}: ${error.message}`,
    pointer: pointerOf(ask),
    syscall: error.message,
    errno: error.errno,
    undone: "everything was taken back",
  });
}

const pointerOf = ({ origin }: Ask): string => origin === "default" ? "" : origin;

interface Mapped {
  readonly pid: number;
  /** Its parent: a process of that number which is another's is left alone. */
  readonly parent: number;
}

async function mapIds(ask: AskMaps, mapped: Mapped): Promise<void> {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  using directory = Fd.open(openat({ pathname: `/proc/${mapped.pid}`, flags }));
  const status = readFileAt(directory.number, "status") ?? "";
  if (!new RegExp(`^PPid:\\s*${mapped.parent}$`, "m").test(status)) {
    throw new Error(`process ${mapped.pid} is not the stage's`);
  }
  if (ask.helpers === undefined) {
    writeMap(directory.number, "uid_map", ask.uids);
    writeMap(directory.number, "gid_map", ask.gids);
    return;
  }
  await runHelper(ask.helpers.newuidmap, { ask, pid: mapped.pid, maps: ask.uids });
  await runHelper(ask.helpers.newgidmap, { ask, pid: mapped.pid, maps: ask.gids });
}

/** All lines in one write: the kernel takes no second one. */
function writeMap(dirfd: number, pathname: string, maps: readonly IdMap[]): void {
  const text = maps.map(({ inside, outside, count }) => `${inside} ${outside} ${count}\n`).join("");
  using file = Fd.open(openat({ dirfd, pathname, flags: O_WRONLY | O_CLOEXEC }));
  check(write({ fd: file.number, buf: text }));
}

/** newuidmap(1), newgidmap(1): started by descriptor with an empty environment; what they say is the reason of a failure. */
async function runHelper(
  path: string,
  from: { readonly ask: AskMaps; readonly pid: number; readonly maps: readonly IdMap[] },
): Promise<void> {
  const numbers = from.maps.flatMap(({ inside, outside, count }) => [inside, outside, count]);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const argv = [name, `${from.pid}`, ...numbers.map(String)];
  const [reading, writing] = openPipe();
  try {
    const pid = startHelper(path, { argv, writing });
    const exit = await awaitChild(pid);
    if (exit.code === CLD_EXITED && exit.status === 0) return;
    const said = new TextDecoder().decode(readOnce({ fd: reading })).trim();
    throw new ContainervError({
      code: "ID_MAP_REFUSED",
      message: `cannot map the ids of the container: ${said || `${name} failed without a word`}`,
      pointer: pointerOf(from.ask),
      syscall: argv.join(" "),
      fix: `see that ${path} is setuid root (or has file capabilities) and that /etc/subuid and ` +
        "/etc/subgid give this user these ids; `containerv doctor` tells",
      undone: "everything was taken back",
    });
  } finally {
    callSync(close({ fd: reading }));
  }
}

const CLD_EXITED = 1;

/** Takes the writing end. */
function startHelper(
  path: string,
  { argv, writing }: { readonly argv: readonly string[]; readonly writing: number },
): number {
  try {
    using program = Fd.open(openat({ pathname: path, flags: O_PATH | O_CLOEXEC }));
    using empty = Fd.open(openat({ pathname: "/dev/null", flags: O_CLOEXEC }));
    const fds = [
      { from: empty.number, to: 0 },
      { from: writing, to: 1 },
      { from: writing, to: 2 },
    ];
    return spawnFile({ fd: program.number, argv, fds });
  } finally {
    callSync(close({ fd: writing }));
  }
}

/** How often those that were made meanwhile are looked for. */
const ROUNDS = 10;

/** Another run in the same group may remove the group for processes at its end, just before we enter it. */
function makeRoom({ from, to }: AskMove): void {
  for (let tries = 1;; tries++) {
    callSync(mkdirat({ pathname: to, mode: 0o755 }));
    try {
      return moveAll(from, to);
    } catch (error) {
      const isGone = error instanceof SyscallError &&
        (error.errno === ENOENT || error.errno === ENODEV);
      if (!isGone || tries === ROUNDS) throw error;
    }
  }
}

/** All processes of `from` go into `to`: the runner and its stage are among them. */
function moveAll(from: string, to: string): void {
  using target = Fd.open(openat({ pathname: `${to}/cgroup.procs`, flags: O_WRONLY | O_CLOEXEC }));
  for (let round = 0; round < ROUNDS; round++) {
    const pids = (readFile(`${from}/cgroup.procs`) ?? "").split("\n").filter((pid) => pid !== "");
    if (pids.length === 0) return;
    for (const pid of pids) moveProcess(target, pid);
  }
}

/** Nothing that follows can fail, so only what fails here has to be taken back. Throws SyscallError, ContainervError. */
function gatherInto(ask: AskGather, before: readonly Ask[]): void {
  const leave = (): void => {
    for (const one of [...before, ask]) if (one.kind === "gather") gather(one.to, one.back);
  };
  try {
    if (gather(ask.from, ask.to)) return;
  } catch (error) {
    leave();
    throw error;
  }
  leave();
  throw new ContainervError({
    code: "PROCESSES_MULTIPLY",
    message: `the processes of the container are made faster than they can be moved into ${ask.to}`,
    pointer: pointerOf(ask),
    fix:
      "try it again when it is at rest, or have it made anew: containerv up -d with the spec changed",
    undone: "everything was taken back",
  });
}

/** After the stage's end: everybody back to where they were. A group whose controllers are on still is another run's too. */
export function goBack(asks: readonly Ask[]): void {
  for (const ask of asks) if (ask.kind === "move") moveBack(ask);
}

function moveBack({ from, to }: AskMove): void {
  try {
    moveAll(to, from);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === EBUSY) return;
    throw error;
  }
  callSync(unlinkat({ pathname: to, flags: AT_REMOVEDIR }));
}
