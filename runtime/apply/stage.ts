/** Starts an encoded program, talks to it, and reads what it reports. Knows no subject. */
import { ECONNRESET, EINTR, ESRCH } from "../../ffi/abi/errno.ts";
import { O_NONBLOCK } from "../../ffi/abi/fcntl.ts";
import { MSG_DONTWAIT } from "../../ffi/abi/socket.ts";
import type { Syscall } from "../../ffi/calls/call.ts";
import { read } from "../../ffi/calls/io.ts";
import { pidfdOpen } from "../../ffi/calls/pidfd.ts";
import { recvfrom, sendto } from "../../ffi/calls/socket.ts";
import { closeFd } from "../../ffi/linux/close.ts";
import { isDirectory } from "../../ffi/linux/file.ts";
import { openMessagePair, openPipe } from "../../ffi/linux/pair.ts";
import { awaitFirst, waitForFd } from "../../ffi/linux/poll.ts";
import { callSync, readCell } from "../../ffi/linux/run.ts";
import { spawnPlan } from "../../ffi/linux/spawn.ts";
import { ContainervError } from "../plan/error.ts";
import {
  ANNOUNCE_FD,
  CONTROL_FD,
  controlMessage,
  decodeReport,
  FIRST_PASSED_FD,
  PLAN_FD,
  type Report,
  REPORT_BYTES,
  REPORT_FD,
  type Reporter,
  REPORTS_MAX,
  RESIZE,
  STAGE_NAME,
  type TerminalSize,
} from "../plan/report.ts";

/** Descriptors of the runner that become the container's standard input, output and error. */
export type Stdio = readonly [number, number, number];

export interface Stage {
  readonly pid: number;
  /** Read end of the pipe that ends when the first command is executed; absent when nobody asked. */
  readonly announced?: number;
  /** The runner's end of the control socket. */
  readonly control: number;
  /** Read end of the pipe that the container's side reports through. */
  readonly reports: number;
  /** Its pidfd, once somebody asked for it; -errno where there is none. */
  pidfd?: number;
}

const MESSAGE = { cell: "control message", size: REPORT_BYTES } as const;

export interface StageOptions {
  readonly announce: boolean;
  /** Descriptors that are handed over, in the order of the plan. */
  readonly passed?: readonly number[];
}

/** Throws SyscallError when it could not be started, ContainervError when it must not; then nothing is left. */
export function startStage(
  image: Uint8Array,
  stdio: Stdio,
  options: StageOptions = { announce: false },
): Stage {
  refuseDirectories(stdio);
  const [control, theirs] = openMessagePair();
  const passed = [theirs];
  const kept = [control];
  try {
    const [reports, reporting] = openPipe(O_NONBLOCK);
    passed.push(reporting);
    kept.push(reports);
    const [input, output, error] = stdio;
    const fds = [
      { from: input, to: 0 },
      { from: output, to: 1 },
      { from: error, to: 2 },
      { from: theirs, to: CONTROL_FD },
      { from: reporting, to: REPORT_FD },
    ];
    if (options.passed !== undefined) {
      options.passed.forEach((from, index) => fds.push({ from, to: FIRST_PASSED_FD + index }));
    }
    if (!options.announce) {
      return {
        pid: spawnPlan({ image, name: STAGE_NAME, argv: [STAGE_NAME], fds, planFd: PLAN_FD }),
        control,
        reports,
      };
    }
    const [announced, writing] = openPipe();
    passed.push(writing);
    kept.push(announced);
    fds.push({ from: writing, to: ANNOUNCE_FD });
    const pid = spawnPlan({ image, name: STAGE_NAME, argv: [STAGE_NAME], fds, planFd: PLAN_FD });
    return { pid, control, reports, announced };
  } catch (error) {
    for (const fd of kept) closeFd(fd);
    throw error;
  } finally {
    for (const fd of passed) closeFd(fd);
  }
}

/** From an open directory of the host `..` leads to all of it, whatever the container's root is. */
function refuseDirectories(stdio: Stdio): void {
  let index = 0;
  while (index < stdio.length && !isDirectory(stdio[index] as number)) index++;
  if (index === stdio.length) return;
  const name = ["standard input", "standard output", "standard error"][index];
  throw new ContainervError({
    code: "STDIO_IS_DIRECTORY",
    message: `${name} is a directory of the host: through it the container would reach everything`,
    fix: "redirect it to a file, a pipe or /dev/null",
    undone: "nothing was done",
  });
}

/** Resolves when the first command was executed, or when the stage is at its end without that. */
export async function awaitExecuted(stage: Stage): Promise<void> {
  const { announced } = stage;
  if (announced === undefined) return;
  await awaitStage(stage, announced);
  closeFd(announced);
}

/**
 * Resolves when `fd`, whose other end the stage has, can be read or is at its end. The stage's death is enough: what it cloned may hold
 * that end open for as long as it is stopped.
 */
export async function awaitStage(stage: Stage, fd: number): Promise<void> {
  const pidfd = pidfdOf(stage);
  if (pidfd !== ENDED) await awaitFirst(pidfd < 0 ? [fd] : [fd, pidfd]);
}

/** True when the stage has ended, or does within `timeoutMs`, whoever holds its ends by now. */
export function hasEnded(stage: Stage, timeoutMs = 0): boolean {
  const pidfd = pidfdOf(stage);
  return pidfd === ENDED || pidfd >= 0 && waitForFd({ fd: pidfd, timeoutMs }) !== 0;
}

const ENDED: number = -ESRCH;

/** A descriptor that can be read when the stage has ended; ENDED, or another errno for want of descriptors. */
function pidfdOf(stage: Stage): number {
  stage.pidfd ??= Number(callSync(pidfdOpen({ pid: stage.pid })));
  return stage.pidfd;
}

/**
 * Every report that has arrived, without waiting: the container's, then the stage's. The stage's are read first: what a container said
 * before the end that its stage tells of is there by then.
 */
export function drainReports(stage: Stage): readonly Report[] {
  const flags = MSG_DONTWAIT;
  const ofStage = drain(
    recvfrom({ sockfd: stage.control, buf: MESSAGE, len: REPORT_BYTES, flags }),
    "stage",
  );
  const ofContainer = drain(
    read({ fd: stage.reports, buf: MESSAGE, count: REPORT_BYTES }),
    "container",
  );
  return [...ofContainer, ...ofStage];
}

function drain(receive: Syscall, from: Reporter): readonly Report[] {
  const into: Report[] = [];
  for (let messages = 0; messages < REPORTS_MAX; messages++) {
    const count = Number(callSync(receive));
    // A stage that ended without having read what it was sent leaves that error in front of its last reports.
    if (count === -EINTR || count === -ECONNRESET) continue;
    if (count <= 0) break;
    const report = decodeReport(readCell(MESSAGE).slice(0, count), from);
    if (report !== undefined) into.push(report);
    // The last that there ever is.
    if (report?.kind === "undone") break;
  }
  return into;
}

/** Sends a signal to the container's first process; a container that is gone takes none. */
export function sendSignal(stage: Stage, signal: number): void {
  send(stage, signal);
}

/** Says how large the container's terminal is; that of one that is gone has no size. */
export function sendSize(stage: Stage, size: TerminalSize): void {
  send(stage, RESIZE, size);
}

function send(stage: Stage, word: number, size?: TerminalSize): void {
  const message = controlMessage(word, size);
  callSync(sendto({ sockfd: stage.control, buf: message, flags: MSG_DONTWAIT }));
}

/** Closes the control socket: a stage that still runs sees the end of file and ends the container. */
export function releaseStage(stage: Stage): void {
  closeFd(stage.control);
  closeFd(stage.reports);
  if (stage.pidfd !== undefined && stage.pidfd >= 0) closeFd(stage.pidfd);
}
