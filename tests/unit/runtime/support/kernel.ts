/**
 * A kernel for the simulator that knows what a plan changes on the host: groups, their switches and knobs, processes. Each
 * call that is made is kept with its record; any one of them can be made to fail.
 */
import {
  EBADF,
  EBUSY,
  ECHILD,
  EEXIST,
  EINTR,
  EINVAL,
  ENOENT,
  ENOTEMPTY,
} from "../../../../ffi/abi/errno.ts";
import { AT_FDCWD, F_GET_SEALS } from "../../../../ffi/abi/fcntl.ts";
import { CLONE_INTO_CGROUP } from "../../../../ffi/abi/sched.ts";
import { CLD_EXITED, SIGCHLD, SIGKILL } from "../../../../ffi/abi/signal.ts";
import { syscallNames } from "../../../../ffi/abi/syscalls.ts";
import {
  forkMachine,
  type Kernel,
  type Machine,
  MemoryFault,
  readMemory,
  runMachine,
  type Stop,
  writeMemory,
} from "../../../../ffi/stage/simulate.ts";
import {
  ANSWER,
  CONTROL_FD,
  decodeReport,
  type Report,
  REPORT_FD,
  type Reporter,
} from "../../../../runtime/plan/report.ts";

export type Side = "stage" | "container" | "command";

/** One call that the program made. */
export interface Made {
  readonly side: Side;
  /** Index of the record in the image. */
  readonly record: number;
  readonly name: string;
  /** First path among its arguments, or that of the file whose descriptor it got. */
  readonly path: string;
  readonly words: readonly bigint[];
  readonly result: bigint | Stop;
}

export interface KernelOptions {
  /** Directories that are there before; parents of groups must be. */
  readonly directories?: readonly string[];
  /** Controllers that are on: directory → names. */
  readonly enabled?: Readonly<Record<string, readonly string[]>>;
  /** Result of a call in place of what the model says: a negative errno makes it fail. */
  readonly intercept?: (
    made: Omit<Made, "result">,
    count: number,
    machine: Machine,
  ) => bigint | undefined;
  /** Exit status of each command that is executed, in order. Default 0. */
  readonly statuses?: readonly number[];
  /** Files that can be executed; absent: all. */
  readonly executables?: readonly string[];
  /** What a knob shows after a value was written. Default: the value. */
  readonly rounds?: (path: string, value: string) => string;
}

interface Child {
  ended: boolean;
  reaped: boolean;
  readonly stop: Stop;
  readonly groups: readonly string[];
}

/** The model: what there is, and what happened. */
export interface SimulatedWorld {
  readonly directories: Set<string>;
  readonly enabled: Map<string, Set<string>>;
  readonly knobs: Map<string, string>;
  readonly made: Made[];
  readonly reports: Report[];
  readonly kernel: Kernel;
  /** The container's first process, once it was cloned. */
  readonly container: () => Child | undefined;
}

const decoder = new TextDecoder();
const FDS = new Set([
  "openat",
  "openat2",
  "open_tree",
  "fsopen",
  "fsmount",
  "socket",
  "pidfd_open",
  "timerfd_create",
]);
/** Which word of a call is a path. */
const PATHS: Readonly<Record<string, number>> = {
  openat: 1,
  openat2: 1,
  open_tree: 1,
  mkdirat: 1,
  mknodat: 1,
  unlinkat: 1,
  symlinkat: 2,
  execve: 0,
  mount: 1,
  umount2: 0,
  sethostname: 0,
  fsopen: 0,
};
const SI_CODE = 8n;
const SI_PID = 16n;
const SI_STATUS = 24n;
const CONTAINER_PID = 40n;
const COMMAND_PID = 50n;

interface State {
  readonly options: KernelOptions;
  readonly directories: Set<string>;
  readonly enabled: Map<string, Set<string>>;
  readonly knobs: Map<string, string>;
  readonly made: Made[];
  readonly reports: Report[];
  readonly names: Map<number, string>;
  readonly fds: Map<bigint, string>;
  readonly sides: Map<Machine, Side>;
  /** How often each record was run. */
  readonly counts: Map<number, number>;
  readonly kernel: Kernel;
  child: Child | undefined;
  command: { readonly status: number } | undefined;
  commands: number;
  joined: string[];
  nextFd: bigint;
}

export function createWorld(options: KernelOptions = {}): SimulatedWorld {
  const enabled = Object.entries(options.enabled ?? {}).map(([path, names]) =>
    [path, new Set(names)] as const
  );
  const state: State = {
    options,
    directories: new Set(options.directories ?? []),
    enabled: new Map(enabled),
    knobs: new Map(),
    made: [],
    reports: [],
    names: new Map(),
    fds: new Map(),
    sides: new Map(),
    counts: new Map(),
    kernel: (number, words, machine) => answer(state, number, { words, machine }),
    child: undefined,
    command: undefined,
    commands: 0,
    joined: [],
    nextFd: 10n,
  };
  return { ...state, container: () => state.child };
}

function answer(
  state: State,
  number: number,
  { words, machine }: Pick<Call, "words" | "machine">,
): bigint | Stop {
  const { names, counts, options } = state;
  if (names.size === 0) {
    for (const [key, name] of syscallNames(machine.image.architecture)) names.set(key, name);
  }
  const name = names.get(number) ?? `?${number}`;
  const side = state.sides.get(machine) ?? "stage";
  const record = machine.next;
  const count = counts.get(record) ?? 0;
  counts.set(record, count + 1);
  const path = pathOf(state, name, { words, machine });
  const forced = options.intercept?.({ side, record, name, path, words }, count, machine);
  const run = ANSWERS[name] ?? (FDS.has(name) ? open : succeed);
  const result = forced ?? run(state, { name, words, machine, path, side });
  state.made.push({ side, record, name, path, words, result });
  return result;
}

function pathOf(state: State, name: string, call: Pick<Call, "words" | "machine">): string {
  const at = PATHS[name];
  const address = call.words[at ?? 0] ?? 0n;
  if (at === undefined) return state.fds.get(address) ?? "";
  return address === 0n ? "" : readText(call.machine, address);
}

const succeed = (): bigint => 0n;

type Answer = (state: State, call: Call) => bigint | Stop;

const ANSWERS: Readonly<Record<string, Answer>> = {
  exit_group: (_state, call) => ({ stop: "exit", status: Number(word(call, 0) & 255n) }),
  execve,
  clone3,
  mkdirat,
  unlinkat,
  write,
  read,
  ppoll,
  waitid,
  pidfd_send_signal: signal,
  rt_sigtimedwait: ({ command }) => command === undefined ? -BigInt(EINTR) : BigInt(SIGCHLD),
  pipe2,
  getppid: () => 4711n,
  close: (_state, call) => word(call, 0) === -1n ? -BigInt(EBADF) : 0n,
  getpid: () => 4711n,
  // The control socket has none.
  fcntl: (_state, call) => word(call, 1) === BigInt(F_GET_SEALS) ? -BigInt(EINVAL) : 0n,
};

function pipe2(state: State, call: Call): bigint {
  const fds = new Uint8Array(8);
  for (const offset of [0, 4]) {
    state.fds.set(state.nextFd, "pipe");
    new DataView(fds.buffer).setUint32(offset, Number(state.nextFd++), true);
  }
  writeMemory(call.machine.memory, word(call, 0), fds);
  return 0n;
}

function open(state: State, { name, path, side }: Call): bigint {
  const isGroupFile = side !== "command" && name === "openat" && path.includes("/cgroup");
  const isThere = state.directories.has(path) || state.directories.has(parentOf(path));
  if (isGroupFile && !isThere) return -BigInt(ENOENT);
  state.fds.set(state.nextFd, path);
  return state.nextFd++;
}

function execve(state: State, { path }: Call): bigint | Stop {
  const { executables, statuses } = state.options;
  if (executables !== undefined && !executables.includes(path)) return -BigInt(ENOENT);
  return { stop: "exec", status: statuses?.[state.commands++] ?? 0 };
}

/** The child runs to its end before its parent goes on: nothing of these programs waits for its parent. */
function clone3(state: State, { words, machine, side }: Call): bigint {
  const args = view(machine, words[0] ?? 0n, 88);
  const flags = args.getBigUint64(0, true);
  const pidfd = args.getBigUint64(8, true);
  const group = args.getBigUint64(80, true);
  const isContainer = side === "stage";
  if (isContainer) {
    state.joined = (flags & CLONE_INTO_CGROUP) === 0n ? [] : [state.fds.get(group) ?? "?"];
  }
  const child = forkMachine(machine, 0n);
  state.sides.set(child, isContainer ? "container" : "command");
  const stop = runMachine(child, { kernel: state.kernel });
  if (!isContainer) {
    state.command = { status: stop.status };
    return COMMAND_PID;
  }
  state.child = { ended: false, reaped: false, stop, groups: state.joined };
  state.fds.set(state.nextFd, "pidfd");
  const fd = new Uint8Array(4);
  new DataView(fd.buffer).setUint32(0, Number(state.nextFd++), true);
  if (pidfd !== 0n) writeMemory(machine.memory, pidfd, fd);
  return CONTAINER_PID;
}

function mkdirat(state: State, call: Call): bigint {
  const { path } = call;
  if (word(call, 0) !== BigInt(AT_FDCWD)) return 0n;
  if (state.directories.has(path)) return -BigInt(EEXIST);
  if (!state.directories.has(parentOf(path))) return -BigInt(ENOENT);
  state.directories.add(path);
  return 0n;
}

function unlinkat(state: State, { path }: Call): bigint {
  if (!state.directories.has(path)) return -BigInt(ENOENT);
  if ([...state.directories].some((one) => parentOf(one) === path)) return -BigInt(ENOTEMPTY);
  if (state.child?.groups.includes(path) === true && !state.child.reaped) return -BigInt(EBUSY);
  state.directories.delete(path);
  state.enabled.delete(path);
  return 0n;
}

function write(state: State, call: Call): bigint {
  const bytes = readMemory(call.machine.memory, word(call, 1), Number(word(call, 2)));
  if (word(call, 0) === BigInt(CONTROL_FD)) return report(state, bytes, "stage");
  if (word(call, 0) === BigInt(REPORT_FD)) return report(state, bytes, "container");
  const path = state.fds.get(word(call, 0));
  if (path === undefined) return -BigInt(EBADF);
  const value = decoder.decode(bytes);
  const directory = parentOf(path);
  if (path.endsWith("/cgroup.subtree_control")) return toggle(state, directory, value);
  if (path.endsWith("/tasks")) state.joined.push(directory);
  else if (path.startsWith("/")) {
    state.knobs.set(path, state.options.rounds?.(path, value) ?? value);
  }
  return BigInt(bytes.length);
}

function report(state: State, bytes: Uint8Array, from: Reporter): bigint {
  const decoded = decodeReport(bytes, from);
  if (decoded === undefined) throw new Error(`${bytes.length} bytes that are no ${from}'s report`);
  state.reports.push(decoded);
  return BigInt(bytes.length);
}

/** `+memory -pids`; what a child directory has on can't be switched off above it. */
function toggle({ enabled }: State, directory: string, value: string): bigint {
  const on = enabled.get(directory) ?? new Set<string>();
  for (const change of value.split(" ")) {
    const name = change.slice(1);
    const isUsed = [...enabled].some(([path, names]) =>
      parentOf(path) === directory && names.has(name)
    );
    if (change.startsWith("-") && isUsed) return -BigInt(EBUSY);
    if (change.startsWith("+")) on.add(name);
    else on.delete(name);
  }
  enabled.set(directory, on);
  return BigInt(value.length);
}

/** The runner has always done what it was asked for, and the stage has always opened the gate. */
function read(state: State, call: Call): bigint {
  if (word(call, 0) === BigInt(CONTROL_FD)) {
    const answer = new Uint8Array(8);
    new DataView(answer.buffer).setUint32(0, ANSWER.done, true);
    writeMemory(call.machine.memory, word(call, 1), answer);
    return 8n;
  }
  if (state.fds.get(word(call, 0)) === "pipe") return 1n;
  const path = state.fds.get(word(call, 0));
  if (path === undefined) return -BigInt(EBADF);
  const bytes = new TextEncoder().encode(`${state.knobs.get(path) ?? ""}\n`);
  const count = Math.min(bytes.length, Number(word(call, 2)));
  writeMemory(call.machine.memory, word(call, 1), bytes.subarray(0, count));
  return BigInt(count);
}

/** With the pidfd of the container among them: it is seen to have ended. */
function ppoll({ child, fds }: State, call: Call): bigint {
  for (let index = 0; index < Number(word(call, 1)); index++) {
    const at = word(call, 0) + BigInt(index * 8);
    const fd = BigInt(view(call.machine, at, 8).getInt32(0, true));
    if (fds.get(fd) !== "pidfd" || child === undefined || call.side !== "stage") continue;
    child.ended = true;
    writeMemory(call.machine.memory, at + 6n, Uint8Array.of(1, 0));
    return 1n;
  }
  return 0n;
}

function signal({ child }: State, call: Call): bigint {
  if (word(call, 1) === BigInt(SIGKILL) && child !== undefined) child.ended = true;
  return 0n;
}

function waitid(state: State, call: Call): bigint {
  const info = word(call, 2);
  const { child, command } = state;
  if (call.side === "stage") {
    if (child === undefined || child.reaped) return -BigInt(ECHILD);
    if (!child.ended) throw new Error("waits for a container that nobody ends");
    child.reaped = true;
    fillExit(call.machine, info, { pid: Number(CONTAINER_PID), status: child.stop.status });
    return 0n;
  }
  if (command === undefined) return -BigInt(ECHILD);
  state.command = undefined;
  fillExit(call.machine, info, { pid: Number(COMMAND_PID), status: command.status });
  return 0n;
}

interface Call {
  readonly name: string;
  readonly words: readonly bigint[];
  readonly machine: Machine;
  readonly path: string;
  readonly side: Side;
}

const word = ({ words }: Call, index: number): bigint => words[index] ?? 0n;

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function view(machine: Machine, address: bigint, size: number): DataView {
  const bytes = readMemory(machine.memory, address, size);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readText({ memory }: Machine, address: bigint): string {
  const piece = memory.pieces.find(({ address: start, bytes }) =>
    address >= BigInt(start) && address < BigInt(start + bytes.length)
  );
  if (piece === undefined) throw new MemoryFault(`no text at 0x${address.toString(16)}`);
  const from = Number(address) - piece.address;
  return decoder.decode(piece.bytes.subarray(from, piece.bytes.indexOf(0, from)));
}

function fillExit(machine: Machine, info: bigint, exit: { pid: number; status: number }): void {
  if (info === 0n) return;
  const put = (offset: bigint, value: number): void => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, value, true);
    writeMemory(machine.memory, info + offset, bytes);
  };
  put(SI_CODE, CLD_EXITED);
  put(SI_PID, exit.pid);
  put(SI_STATUS, exit.status);
}
