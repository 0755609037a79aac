/**
 * Tries what JavaScript can't do itself (it never runs in a child): a small program of the stage's language clones into
 * namespaces of its own and makes the calls there. Whatever it makes is gone with it.
 */
import { errnoName } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { MS_PRIVATE, MS_REC } from "../../ffi/abi/mount.ts";
import { PR_SET_PDEATHSIG } from "../../ffi/abi/prctl.ts";
import { CLONE_INTO_CGROUP, CLONE_NEWNS, CLONE_NEWUSER } from "../../ffi/abi/sched.ts";
import { SIGCHLD, SIGKILL } from "../../ffi/abi/signal.ts";
import { P_PID, WEXITED } from "../../ffi/abi/wait.ts";
import type { Cell, Syscall, Word } from "../../ffi/calls/call.ts";
import { write } from "../../ffi/calls/io.ts";
import { mount } from "../../ffi/calls/mount.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { prctl } from "../../ffi/calls/prctl.ts";
import { clone3, exitGroup, kill, waitid } from "../../ffi/calls/process.ts";
import { readOnce, waitForFd } from "../../ffi/linux/poll.ts";
import { openPipe } from "../../ffi/linux/pair.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { spawnImage } from "../../ffi/linux/spawn.ts";
import { encode } from "../../ffi/stage/encode.ts";
import { ERROR_ERRNO, ERROR_RECORD, type Instruction } from "../../ffi/stage/language.ts";
import type { Host } from "../plan/host.ts";
import { type FeatureAnswer, refused, YES } from "./features_probe.ts";

/** A call of the program; its result goes to the slot `into`. */
export interface ProbeCall {
  readonly call: Syscall;
  readonly into?: string;
}

export interface ProbeProgram {
  /** Namespaces of the child, 0n for none. With CLONE_NEWUSER this user becomes its root. */
  readonly flags: bigint;
  /** Directory of a group (cgroup v2) that the child is born in. */
  readonly group?: string;
  /** Made one after the other in the child, until one fails. */
  readonly calls: readonly ProbeCall[];
  /** What the calls filled and the caller wants to see. */
  readonly output?: Cell;
}

/** How a program ended. */
export type ProbeEnd =
  | { readonly kind: "done"; readonly output: Uint8Array }
  /** `early`: before the calls, while the child was made. */
  | {
    readonly kind: "failed";
    readonly call: Syscall;
    readonly errno: number;
    readonly early: boolean;
  }
  /** The program did not start, or told nothing. */
  | { readonly kind: "lost"; readonly why: string };

/** Where the program finds the pipe to the runner. */
const REPORT_FD = 3;
const REPORT = { cell: "report", size: 16 } as const;
const STATUS = { done: 1, failed: 2 } as const;
/** No probe waits for anything; what takes this long hangs. */
const TIMEOUT_MS = 5000;

const result = (name: string): Word => ({ result: name });

/** The program whole: what makes the child, then the calls. */
function instructionsOf(program: ProbeProgram): readonly Instruction[] {
  const out: Instruction[] = [];
  const call = (one: Syscall, into?: string, step = 0): void => {
    out.push({ kind: "syscall", call: one, onError: "failed", step, ...(into && { into }) });
  };
  const { flags, group, calls, output } = program;
  if (group === undefined) call(clone3({ flags, exitSignal: SIGCHLD }), "child");
  else {
    call(openat({ pathname: group, flags: O_PATH | O_DIRECTORY | O_CLOEXEC }), "group");
    const intoGroup = { flags: flags | CLONE_INTO_CGROUP, cgroup: result("group") };
    call(clone3({ ...intoGroup, exitSignal: SIGCHLD }), "child");
  }
  out.push({ kind: "branch", when: "equal", left: result("child"), right: 0, to: "inside" });
  call(waitid({ idtype: P_PID, id: result("child"), options: WEXITED }));
  call(exitGroup({ status: 0 }));
  out.push({ kind: "label", name: "inside" });
  for (const one of prelude(flags)) call(one.call, one.into);
  for (const one of calls) call(one.call, one.into, 1);
  out.push({ kind: "store", value: STATUS.done, address: REPORT, width: 4 });
  call(write({ fd: REPORT_FD, buf: REPORT }));
  if (output !== undefined) call(write({ fd: REPORT_FD, buf: output }));
  call(exitGroup({ status: 0 }));
  out.push(
    { kind: "label", name: "failed" },
    { kind: "store", value: STATUS.failed, address: REPORT, width: 4 },
    { kind: "store", value: result(ERROR_RECORD), address: { ...REPORT, offset: 4 }, width: 4 },
    { kind: "store", value: result(ERROR_ERRNO), address: { ...REPORT, offset: 8 }, width: 4 },
    { kind: "syscall", call: write({ fd: REPORT_FD, buf: REPORT }), onError: "continue", step: 0 },
  );
  call(exitGroup({ status: 1 }));
  return out;
}

/** The child dies with its parent, is root of its user namespace, and none of its mounts is seen outside. */
function prelude(flags: bigint): readonly ProbeCall[] {
  const calls: ProbeCall[] = [{ call: prctl({ option: PR_SET_PDEATHSIG, arg2: SIGKILL }) }];
  if ((flags & CLONE_NEWUSER) !== 0n) {
    calls.push(
      ...writeTo("/proc/self/setgroups", "deny"),
      ...writeTo("/proc/self/uid_map", `0 ${process.geteuid?.() ?? 0} 1`),
      ...writeTo("/proc/self/gid_map", `0 ${process.getegid?.() ?? 0} 1`),
    );
  }
  if ((flags & CLONE_NEWNS) !== 0n) {
    calls.push({ call: mount({ target: "/", mountflags: MS_REC | MS_PRIVATE }) });
  }
  return calls;
}

function writeTo(pathname: string, text: string): readonly ProbeCall[] {
  return [
    { call: openat({ pathname, flags: O_WRONLY | O_CLOEXEC }), into: "file" },
    { call: write({ fd: result("file"), buf: text }) },
    { call: close({ fd: result("file") }) },
  ];
}

/** Runs the program to its end, at most 5 s. Leaves nothing behind. */
export function runProbe(program: ProbeProgram, host: Host): ProbeEnd {
  const { image, records } = encode({ instructions: instructionsOf(program) }, host.architecture);
  const [reading, writing] = openPipe();
  let pid = -1;
  try {
    try {
      const fds = [{ from: writing, to: REPORT_FD }];
      pid = spawnImage({ image, name: "containerv", argv: ["containerv"], fds });
    } finally {
      callSync(close({ fd: writing }));
    }
    return decode(readToEnd(reading), records);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return { kind: "lost", why: error.message };
  } finally {
    callSync(close({ fd: reading }));
    if (pid > 0) {
      // At its end already, or hanging; the status is taken in either case.
      callSync(kill({ pid, sig: SIGKILL }));
      callSync(waitid({ idtype: P_PID, id: pid, options: WEXITED }));
    }
  }
}

/** All that the program writes; what is missing at the deadline stays missing. */
function readToEnd(fd: number): Uint8Array {
  const chunks: number[] = [];
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0 || waitForFd({ fd, timeoutMs }) === 0) break;
    const chunk = readOnce({ fd });
    if (chunk.length === 0) break;
    chunks.push(...chunk);
  }
  return Uint8Array.from(chunks);
}

function decode(bytes: Uint8Array, records: readonly Instruction[]): ProbeEnd {
  if (bytes.length < REPORT.size) return { kind: "lost", why: "the probe ended without a word" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) === STATUS.done) {
    return { kind: "done", output: bytes.slice(REPORT.size) };
  }
  const record = records[view.getUint32(4, true)];
  if (record?.kind !== "syscall") return { kind: "lost", why: "the probe's report names no call" };
  return {
    kind: "failed",
    call: record.call,
    errno: view.getUint32(8, true),
    early: record.step === 0,
  };
}

/** The namespaces, with a user namespace in front where this user needs one to make them. */
export function asRoot(host: Host, namespaces: bigint): bigint {
  return host.privileged ? namespaces : CLONE_NEWUSER | namespaces;
}

/** What the end of a program says: yes when all succeeded. What the child lacks before its calls could not be asked. */
export function answerOf(end: ProbeEnd): FeatureAnswer {
  if (end.kind === "done") return YES;
  if (end.kind === "lost") return { state: "unknown", detail: end.why };
  if (!end.early) return refused(end.call, end.errno);
  const detail = `it takes namespaces to try it, and ${end.call.name} = ${errnoName(end.errno)}`;
  return { state: "unknown", detail };
}

/** Makes the calls in the namespaces. */
export function tryCalls(
  host: Host,
  program: Pick<ProbeProgram, "flags" | "calls">,
): FeatureAnswer {
  return answerOf(runProbe(program, host));
}
