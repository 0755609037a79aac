/** The part of the launcher that starts the stage: what runtime/apply/stage.ts and ffi/linux/spawn.ts do for the runtime. */
import { EINVAL } from "../../../ffi/abi/errno.ts";
import {
  AT_EMPTY_PATH,
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_SEAL_EXEC,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  O_CLOEXEC,
  O_NONBLOCK,
} from "../../../ffi/abi/fcntl.ts";
import { MFD_ALLOW_SEALING, MFD_CLOEXEC, MFD_EXEC } from "../../../ffi/abi/memfd.ts";
import { CLONE_PIDFD } from "../../../ffi/abi/sched.ts";
import {
  SFD_CLOEXEC,
  SFD_NONBLOCK,
  SIG_BLOCK,
  SIG_DFL,
  SIG_SETMASK,
  SIGCHLD,
  SIGNALS,
  SIGRTMAX,
} from "../../../ffi/abi/signal.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET } from "../../../ffi/abi/socket.ts";
import { S_IFBLK, S_IFDIR, STATX, STATX_BASIC_STATS } from "../../../ffi/abi/stat.ts";
import type { Cell, Word } from "../../../ffi/calls/call.ts";
import { pwrite64, write } from "../../../ffi/calls/io.ts";
import { close, dup3, fcntl, memfdCreate, openat, pipe2 } from "../../../ffi/calls/open.ts";
import { pidfdOpen } from "../../../ffi/calls/pidfd.ts";
import { ppoll } from "../../../ffi/calls/poll.ts";
import { clone3, execveat, exitGroup } from "../../../ffi/calls/process.ts";
import { rtSigaction, rtSigprocmask, signalfd4 } from "../../../ffi/calls/signal.ts";
import { socketpair } from "../../../ffi/calls/socket.ts";
import { statx } from "../../../ffi/calls/stat.ts";
import { POLLIN } from "../../../ffi/abi/poll.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, whenEqual, whenLess } from "../flow.ts";
import {
  CONTROL_FD,
  FIRST_PASSED_FD,
  PASSED_SIGNALS,
  PLAN_FD,
  REPORT_FD,
  STAGE_NAME,
} from "../report.ts";
import { AT, loadHeader, SLOT, STATUS, toAddress } from "./core.ts";
import { LAUNCH, SHELL_PARTS } from "./format.ts";

const PAIR: Cell = { cell: "pair", size: 8 };
const PIPE: Cell = { cell: "pipe", size: 8 };
const PIDFD: Cell = { cell: "pidfd", size: 4 };
const OLD_MASK: Cell = { cell: "old mask", size: 8 };

const MASK = PASSED_SIGNALS.reduce((mask, name) => mask | (1n << BigInt(SIGNALS[name] - 1)), 0n);
/** Numbers that no descriptor of a stage has. */
const ABOVE = 64;

/** Before anything is looked at: the process that is meant must be the one that is looked at. */
export function openTarget(to: Emitter): void {
  const none = to.label("no target");
  loadHeader(to, "pid", LAUNCH.pid);
  whenEqual(to, [result("pid"), 0], none);
  to.call(pidfdOpen({ pid: result("pid") }), { into: SLOT.pidfd });
  place(to, none);
}

/** Slots of what is opened before the stage is there. */
const OPENED = [
  SLOT.pidfd,
  SLOT.directory,
  SLOT.input,
  SLOT.signals,
  SLOT.control,
  SLOT.reports,
  "their control",
  "their reports",
  "plan",
  "shell",
];

/** Nothing is open yet. */
export function openNone(to: Emitter): void {
  for (const name of OPENED) set(to, name, -1);
}

/** The runtime finds no descriptor of ours. */
export function closeAll(to: Emitter): void {
  for (const name of OPENED) {
    const none = to.label("nothing open");
    // The standard input is not ours.
    whenLess(to, [result(name), 3], none);
    to.call(close({ fd: result(name) }), { onError: "continue" });
    place(to, none);
  }
}

/** All is as it was: the stage is started. */
export function beginStage(to: Emitter): void {
  const alive = to.label("alive");
  place(to, AT.passed);
  // A descriptor of -1 is passed over, and never ready.
  const fds = [{ fd: result(SLOT.pidfd), events: POLLIN }];
  to.call(ppoll({ fds, timeout: { sec: 0, nsec: 0 } }), { into: "ready" });
  whenEqual(to, [result("ready"), 0], alive);
  goTo(to, AT.leave);
  place(to, alive);
  prepareStdio(to);
  blockSignals(to);
  openEnds(to);
  makeFiles(to);
  const flags = CLONE_PIDFD;
  const cloned = { into: "child", onError: AT.giveUp };
  to.call(clone3({ flags, exitSignal: SIGCHLD, pidfd: PIDFD }), cloned);
  whenEqual(to, [result("child"), 0], AT.child);
  to.add({ kind: "load", into: SLOT.stage, address: PIDFD, width: 4 });
  for (const name of ["their control", "their reports", "plan", "shell"]) {
    to.call(close({ fd: result(name) }), { onError: "continue" });
  }
  goTo(to, AT.follow);
  becomeStage(to);
  giveUp(to);
}

/** A directory as a stream would let the container out, and is refused with words: by the runtime. So is a stream that is closed. */
function prepareStdio(to: Emitter): void {
  const given = to.label("input given");
  const ready = to.label("input ready");
  refuseDirectory(to, 1);
  refuseDirectory(to, 2);
  loadHeader(to, "passes input", LAUNCH.input);
  whenEqual(to, [result("passes input"), 1], given);
  to.call(openat({ pathname: "/dev/null", flags: O_CLOEXEC }), { into: SLOT.input });
  goTo(to, ready);
  place(to, given);
  refuseDirectory(to, 0);
  set(to, SLOT.input, 0);
  place(to, ready);
}

function refuseDirectory(to: Emitter, dirfd: number): void {
  const fine = to.label("no directory");
  const { offset } = STATX.fields.stx_mode;
  const flags = AT_EMPTY_PATH;
  to.call(statx({ dirfd, pathname: "", flags, mask: STATX_BASIC_STATS, statxbuf: STATUS }));
  to.add({ kind: "load", into: "mode", address: { ...STATUS, offset }, width: 2 });
  whenLess(to, [result("mode"), S_IFDIR], fine);
  whenLess(to, [result("mode"), S_IFBLK], AT.leave);
  place(to, fine);
}

/** Signals wait in a descriptor from here on: also those that who started us ignores. */
function blockSignals(to: Emitter): void {
  to.call(rtSigprocmask({ how: SIG_BLOCK, set: MASK, oldset: OLD_MASK }));
  const options = { onError: AT.giveUp };
  const flags = SFD_CLOEXEC | SFD_NONBLOCK;
  to.call(signalfd4({ mask: MASK, flags }), { ...options, into: SLOT.signals });
  // Where it is ignored the kernel reaps by itself, and nobody learns of the end.
  to.call(rtSigaction({ signum: SIGCHLD, handler: SIG_DFL }), options);
}

function openEnds(to: Emitter): void {
  const options = { onError: AT.giveUp };
  const type = SOCK_SEQPACKET | SOCK_CLOEXEC;
  to.call(socketpair({ domain: AF_UNIX, type, protocol: 0, sv: PAIR }), options);
  to.add(
    { kind: "load", into: SLOT.control, address: PAIR, width: 4 },
    { kind: "load", into: "their control", address: { ...PAIR, offset: 4 }, width: 4 },
  );
  to.call(pipe2({ pipefd: PIPE, flags: O_CLOEXEC | O_NONBLOCK }), options);
  to.add(
    { kind: "load", into: SLOT.reports, address: PIPE, width: 4 },
    { kind: "load", into: "their reports", address: { ...PIPE, offset: 4 }, width: 4 },
  );
}

/** The plan and its shell, each in a sealed file. */
function makeFiles(to: Emitter): void {
  const options = { onError: AT.giveUp };
  loadHeader(to, "image", LAUNCH.image);
  toAddress(to, "image");
  loadHeader(to, "image bytes", LAUNCH.imageBytes);
  createFile(to, "plan");
  const buf = result("image");
  to.call(write({ fd: result("plan"), buf, count: result("image bytes") }), options);
  seal(to, "plan");
  createFile(to, "shell");
  // What is between the parts stays a hole: zeros.
  for (let part = 0; part < SHELL_PARTS; part++) {
    loadHeader(to, "offset", LAUNCH.shell + part * 8);
    loadHeader(to, "part bytes", LAUNCH.shell + part * 8 + 4);
    to.add({ kind: "add", into: "part", left: result("image"), right: result("offset") });
    const [fd, from, count] = [result("shell"), result("part"), result("part bytes")];
    to.call(pwrite64({ fd, buf: from, count, offset: result("offset") }), options);
  }
  seal(to, "shell");
}

function createFile(to: Emitter, into: string): void {
  const old = to.label("old kernel");
  const done = to.label("created");
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  to.call(memfdCreate({ name: STAGE_NAME, flags: flags | MFD_EXEC }), { into, onError: old });
  goTo(to, done);
  place(to, old);
  // Before 6.3 there is no MFD_EXEC: every memfd could be executed.
  to.call(memfdCreate({ name: STAGE_NAME, flags }), { into, onError: AT.giveUp });
  place(to, done);
}

function seal(to: Emitter, file: string): void {
  const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const old = to.label("old seals");
  const done = to.label("sealed");
  const add = { fd: result(file), cmd: F_ADD_SEALS };
  to.call(fcntl({ ...add, arg: seals | F_SEAL_EXEC }), { onError: old });
  goTo(to, done);
  place(to, old);
  const unknown = to.label("unknown seal");
  whenEqual(to, [result("error.errno"), EINVAL], unknown);
  goTo(to, AT.giveUp);
  place(to, unknown);
  // Before 6.3 the unknown seal is refused, and with it all others.
  to.call(fcntl({ ...add, arg: seals }), { onError: AT.giveUp });
  place(to, done);
}

/**
 * In the child: every signal at its default and none blocked, the stage's descriptors under their numbers. A number of one may be that of another
 * now, so all are moved out of the way first.
 */
function becomeStage(to: Emitter): void {
  place(to, AT.child);
  defaultSignals(to);
  const moves: readonly (readonly [string, number])[] = [
    [SLOT.input, 0],
    ["their control", CONTROL_FD],
    ["their reports", REPORT_FD],
    ["plan", PLAN_FD],
    [SLOT.pidfd, FIRST_PASSED_FD],
  ];
  const onError = AT_CHILD_FAILED;
  for (const [name] of [...moves, ["shell"] as const]) {
    const skip = to.label("nothing to move");
    whenEqual(to, [result(name), -1], skip);
    const move = fcntl({ fd: result(name), cmd: F_DUPFD_CLOEXEC, arg: ABOVE });
    to.call(move, { into: name, onError });
    place(to, skip);
  }
  for (const [name, number] of moves) {
    const skip = to.label("nothing to pass");
    whenEqual(to, [result(name), -1], skip);
    to.call(dup3({ oldfd: result(name), newfd: number }), { onError });
    place(to, skip);
  }
  const argv = [STAGE_NAME];
  const flags = AT_EMPTY_PATH;
  const dirfd: Word = result("shell");
  to.call(execveat({ dirfd, pathname: "", argv, envp: [], flags }), { onError });
  place(to, AT_CHILD_FAILED);
  // Nothing was reported, and so it is said: the stage was lost.
  to.call(exitGroup({ status: 127 }), { onError: "continue" });
}

const AT_CHILD_FAILED = "launcher.child failed";

function defaultSignals(to: Emitter): void {
  const loop = to.label("signal");
  const done = to.label("signals done");
  set(to, "signal", 1);
  place(to, loop);
  whenLess(to, [SIGRTMAX, result("signal")], done);
  // SIGKILL and SIGSTOP have no other.
  to.call(rtSigaction({ signum: result("signal"), handler: SIG_DFL }), { onError: "continue" });
  addTo(to, "signal", 1);
  goTo(to, loop);
  place(to, done);
  to.call(rtSigprocmask({ how: SIG_SETMASK, set: 0n }), { onError: "continue" });
}

/** Nothing was started: the signals are let through again. */
function giveUp(to: Emitter): void {
  place(to, AT.giveUp);
  restoreMask(to);
  goTo(to, AT.leave);
}

/** Signals that came meanwhile come now. */
export function restoreMask(to: Emitter): void {
  to.call(rtSigprocmask({ how: SIG_SETMASK, set: OLD_MASK }), { onError: "continue" });
}
