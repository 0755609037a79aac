/** A made-up machine for the launcher's program: files, links, what a stage reports, and the calls that were made. */
import { EAGAIN, EINVAL, ENOENT } from "../../../../ffi/abi/errno.ts";
import { STAMP_WORDS } from "../../../../ffi/abi/stat.ts";
import { syscallNames } from "../../../../ffi/abi/syscalls.ts";
import { assert, assertEquals } from "@std/assert";
import { encode } from "../../../../ffi/stage/encode.ts";
import { LEAVE_STATUS } from "../../../../ffi/stage/layout.ts";
import {
  createMachine,
  forkMachine,
  type Kernel,
  type Machine,
  readMemory,
  runMachine,
  type Stop,
  writeMemory,
} from "../../../../ffi/stage/simulate.ts";
import { encodeLaunch, type Launch } from "../../../../runtime/plan/launcher/encode.ts";
import { commandText, launchName } from "../../../../runtime/plan/launcher/format.ts";
import { launcherProgram } from "../../../../runtime/plan/launcher/program.ts";
import { REPORT, REPORT_BYTES } from "../../../../runtime/plan/report.ts";

export const BUILD = 0x1234n;
const PROGRAM = encode(launcherProgram({ build: BUILD }), "x86_64");
const NAMES = syscallNames("x86_64");
const STACK = 0x30000000;
const encoder = new TextEncoder();

export interface World {
  readonly words: readonly string[];
  readonly environment?: readonly string[];
  /** Path → text, or a link's target. */
  readonly files: Record<string, string | Uint8Array>;
  readonly links?: Record<string, string>;
  /** Path → first byte of its stamp. */
  readonly stamps?: Record<string, number>;
  /** Mode and owner of the directory of launch files. */
  readonly directory?: { readonly mode: number; readonly uid: number };
  /** Type of each of the first three descriptors. */
  readonly stdio?: readonly number[];
  readonly targetEnded?: boolean;
  /** Signals that come before the stage ends, and `time`: the grace time is over. */
  readonly signals?: readonly (number | "time")[];
  readonly reports?: {
    readonly container?: readonly Uint8Array[];
    readonly stage?: readonly Uint8Array[];
  };
  /** The call of this name fails with EINVAL, from the first (or behind `after`) to that time. */
  readonly refuse?: { readonly name: string; readonly times: number; readonly after?: number };
  /** Seconds and nanoseconds that the run takes. */
  readonly took?: readonly [number, number];
}

export interface Played {
  readonly stop: Stop;
  /** Names of the calls of the launcher, in order. */
  readonly calls: readonly string[];
  /** Words that were sent to the stage. */
  readonly sent: readonly number[];
  readonly written: Readonly<Record<number, string>>;
  /** What the child did: its calls with their first two words. */
  readonly child: readonly string[];
  /** Descriptors that are open at the end. */
  readonly open: readonly number[];
  /** argv of what was executed in the end. */
  readonly executed: readonly string[];
}

/** A report as it comes over the socket or the pipe. */
export function report(
  kind: number,
  fields: { a?: number; b?: number; code?: number; status?: number; text?: string } = {},
): Uint8Array {
  const bytes = new Uint8Array(REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  view.setInt32(4, fields.a ?? 0, true);
  view.setInt32(8, fields.b ?? encoder.encode(fields.text ?? "").length, true);
  view.setInt32(16 + 8, fields.code ?? 0, true);
  view.setInt32(16 + 24, fields.status ?? 0, true);
  if (fields.text !== undefined) bytes.set(encoder.encode(fields.text), 16);
  return bytes;
}

/** A launch file under its name, in the directory that the words' verb has. */
export function withLaunch(
  launch: Partial<Launch> & Pick<Launch, "words" | "checks">,
  directory: string,
): Record<string, Uint8Array> {
  const image = Uint8Array.from({ length: 4160 + 704 + 24 }, (_, index) => index % 251);
  const bytes = encodeLaunch({
    image,
    shell: [{ from: 0, to: 4160 }, { from: 4160, to: 4864 }, { from: 4864, to: 4888 }],
    pid: 0,
    input: false,
    graceMs: 10_000,
    build: BUILD,
    ...launch,
  });
  if (bytes === undefined) throw new Error("no launch file");
  return { [`${directory}/${launchName(commandText(launch.words))}`]: bytes };
}

/** The stack of a new process: argc, argv, envp, and behind them their texts. */
function stackOf(words: readonly string[], environment: readonly string[]): Uint8Array {
  const texts = ["containerv", ...words, ...environment].map((text) => encoder.encode(`${text}\0`));
  const pointers = 1 + words.length + 1 + 1 + environment.length + 1;
  const stack = new Uint8Array(
    (pointers + 1) * 8 + texts.reduce((sum, text) => sum + text.length, 8),
  );
  const view = new DataView(stack.buffer);
  view.setBigUint64(0, BigInt(words.length + 1), true);
  let at = (pointers + 1) * 8;
  let pointer = 8;
  texts.forEach((text, index) => {
    if (index === words.length + 1) pointer += 8;
    view.setBigUint64(pointer, BigInt(STACK + at), true);
    stack.set(text, at);
    pointer += 8;
    at += text.length;
  });
  return stack;
}

const textAt = (machine: Machine, address: bigint): string => {
  const bytes: number[] = [];
  for (let at = address;; at++) {
    const [byte = 0] = readMemory(machine.memory, at, 1);
    if (byte === 0) return new TextDecoder().decode(Uint8Array.from(bytes));
    bytes.push(byte);
  }
};

const word = (value: number | bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
};

/** What happens in a world, and what the machine remembers of it. */
interface Playing {
  readonly world: World;
  readonly calls: string[];
  readonly sent: number[];
  readonly written: Record<number, string>;
  readonly child: string[];
  /** Descriptor → what it is of. */
  readonly open: Map<number, string>;
  readonly executed: string[];
  readonly signals: (number | "time")[];
  readonly reports: { readonly container: Uint8Array[]; readonly stage: Uint8Array[] };
  clock: number;
  next: number;
}

/** One call: its words, and memory to write to. */
interface Call {
  readonly words: readonly [bigint, bigint, bigint, bigint, bigint];
  readonly machine: Machine;
  readonly playing: Playing;
}

const put = ({ machine }: Call, address: bigint, bytes: Uint8Array): void =>
  writeMemory(machine.memory, address, bytes);
const get = ({ machine }: Call, address: bigint, size: number): DataView =>
  new DataView(readMemory(machine.memory, address, size).slice().buffer);

function newFd({ playing }: Call, what: string): number {
  playing.open.set(playing.next, what);
  return playing.next++;
}

/** Runs the launcher in this world. */
export function launch(world: World): Played {
  const machine = createMachine(PROGRAM.image);
  const bytes = stackOf(world.words, world.environment ?? []);
  const stack = { address: STACK, writable: false, bytes, view: new DataView(bytes.buffer) };
  const whole: Machine = { ...machine, memory: { pieces: [...machine.memory.pieces, stack] } };
  // What the code in front does: the first slot is the address of argc.
  writeMemory(whole.memory, BigInt(PROGRAM.addresses.slots), word(STACK));
  const { container = [], stage = [] } = world.reports ?? {};
  const playing: Playing = {
    world,
    calls: [],
    sent: [],
    written: {},
    child: [],
    open: new Map(),
    executed: [],
    signals: [...world.signals ?? []],
    reports: { container: [...container], stage: [...stage] },
    clock: 0,
    next: 10,
  };
  const kernel: Kernel = (number, [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n], running) => {
    const name = NAMES.get(number) ?? `${number}`;
    playing.calls.push(name);
    const { refuse } = world;
    const times = playing.calls.filter((call) => call === name).length;
    const isRefused = refuse?.name === name && times <= refuse.times && times > (refuse.after ?? 0);
    if (isRefused) return BigInt(-EINVAL);
    return CALLS[name]?.({ words: [a, b, c, d, e], machine: running, playing }) ?? 0n;
  };
  const stop = runMachine(whole, { kernel, stepsMax: 3_000_000 });
  const open = [...playing.open.keys()];
  const { calls, sent, written, child, executed } = playing;
  return { stop, calls, sent, written, child, open, executed };
}

const CALLS: Readonly<Record<string, (call: Call) => bigint | Stop>> = {
  clock_gettime: readClock,
  openat: openFile,
  read: readFile,
  statx: readStatus,
  ppoll: awaitOne,
  clone3: cloneStage,
  execve: execute,
  socketpair: (call) => makePair(call, { at: call.words[3], name: "socket" }),
  pipe2: (call) => makePair(call, { at: call.words[0], name: "pipe" }),
  pidfd_open: (call) => BigInt(newFd(call, "pidfd")),
  memfd_create: (call) => BigInt(newFd(call, "memfd")),
  signalfd4: (call) => BigInt(newFd(call, "signals")),
  timerfd_create: (call) => BigInt(newFd(call, "timer")),
  pwrite64: ({ words: [, , count] }) => count,
  exit_group: ({ words: [status] }) => ({ stop: "exit", status: Number(status) }),
  close: ({ words: [fd], playing }) => {
    playing.open.delete(Number(fd));
    return 0n;
  },
  readlinkat: (call) => {
    const target = call.playing.world.links?.[textAt(call.machine, call.words[1])];
    if (target === undefined) return BigInt(-ENOENT);
    put(call, call.words[2], encoder.encode(target));
    return BigInt(target.length);
  },
  write: ({ words: [fd, address, count], machine, playing: { written } }) => {
    const text = new TextDecoder().decode(readMemory(machine.memory, address, Number(count)));
    written[Number(fd)] = (written[Number(fd)] ?? "") + text;
    return count;
  },
  sendto: (call) => {
    call.playing.sent.push(get(call, call.words[1], 4).getUint32(0, true));
    return call.words[2];
  },
  recvfrom: (call) => takeReport(call, call.playing.reports.stage),
};

function readClock(call: Call): bigint {
  const { playing, words: [, address] } = call;
  const [took = 0, nanoseconds = 0] = playing.world.took ?? [0, 0];
  const sum = 999_999_999 + (playing.clock === 0 ? 0 : nanoseconds);
  const seconds = playing.clock++ === 0 ? 0 : took;
  put(call, address, word(100_000 + seconds + Math.floor(sum / 1e9)));
  put(call, address + 8n, word(sum % 1e9));
  return 0n;
}

function openFile(call: Call): bigint {
  const { playing: { open, world: { files } }, words: [dirfd, address] } = call;
  const path = textAt(call.machine, address);
  const below = open.get(Number(dirfd));
  const whole = below === undefined || path.startsWith("/") ? path : `${below}/${path}`;
  const isThere = whole in files || whole === "/dev/null" ||
    Object.keys(files).some((file) => file.startsWith(`${whole}/`));
  return isThere ? BigInt(newFd(call, whole)) : BigInt(-ENOENT);
}

function readFile(call: Call): bigint {
  const { playing: { open, signals, reports, world: { files } }, words: [fd, address, count] } =
    call;
  const what = open.get(Number(fd)) ?? "";
  if (what === "pipe ours") return takeReport(call, reports.container);
  if (what === "signals") {
    const signal = signals.shift();
    put(call, address, word(typeof signal === "number" ? signal : 0).subarray(0, 4));
    return 128n;
  }
  const content = files[what] ?? "";
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  const taken = bytes.subarray(0, Number(count));
  put(call, address, taken);
  return BigInt(taken.length);
}

function takeReport(call: Call, from: Uint8Array[]): bigint {
  const next = from.shift();
  if (next === undefined) return BigInt(-EAGAIN);
  put(call, call.words[1], next);
  return BigInt(next.length);
}

function readStatus(call: Call): bigint {
  const { playing: { world }, words: [dirfd, path, , , address] } = call;
  const view = new DataView(new ArrayBuffer(256));
  const { mode, uid } = world.directory ?? { mode: 0o40700, uid: 0 };
  const name = textAt(call.machine, path);
  if (name === "") {
    const stdio = dirfd < 3n ? world.stdio?.[Number(dirfd)] ?? 0o20600 : undefined;
    view.setUint16(28, stdio ?? mode, true);
    view.setUint32(20, stdio === undefined ? uid : 0, true);
  } else {
    const stamp = world.stamps?.[name];
    if (stamp === undefined) return BigInt(-ENOENT);
    for (const at of STAMP_WORDS) view.setUint8(at, stamp);
  }
  put(call, address, new Uint8Array(view.buffer));
  return 0n;
}

function makePair(
  call: Call,
  { at, name }: { readonly at: bigint; readonly name: string },
): bigint {
  put(call, at, word(newFd(call, `${name} ours`)).subarray(0, 4));
  put(call, at + 4n, word(newFd(call, `${name} theirs`)).subarray(0, 4));
  return 0n;
}

/** Without a time to wait: whether the target has ended. Else what comes next: a signal, the end of the grace time, the stage's. */
function awaitOne(call: Call): bigint {
  const { playing: { signals, world }, words: [address, count, timeout] } = call;
  if (timeout !== 0n) return world.targetEnded === true ? 1n : 0n;
  const [signal] = signals;
  const ready = signal === undefined ? 0 : signal === "time" ? 2 : 1;
  if (signal === "time") signals.shift();
  for (let index = 0; index < Number(count); index++) {
    put(call, address + BigInt(index * 8 + 6), Uint8Array.of(index === ready ? 1 : 0, 0));
  }
  // A timer that was not started is no descriptor.
  const fd = get(call, address + BigInt(ready * 8), 4).getInt32(0, true);
  if (fd < 0) throw new Error(`entry ${ready} is not waited for`);
  return 1n;
}

/** The child runs to its end: the execveat that makes it a stage. */
function cloneStage(call: Call): bigint {
  const { playing: { child }, words: [address] } = call;
  let next = 64;
  const kernel: Kernel = (number, [a = 0n, b = 0n]) => {
    const name = NAMES.get(number) ?? `${number}`;
    if (name === "execveat") return { stop: "exec", status: 0 };
    child.push(`${name} ${a} ${b}`);
    if (name === "exit_group") return { stop: "exit", status: Number(a) };
    return name === "fcntl" ? BigInt(next++) : 0n;
  };
  runMachine(forkMachine(call.machine, 0n), { kernel });
  // struct clone_args: pidfd 8, where the descriptor is to be written.
  put(call, get(call, address, 16).getBigInt64(8, true), word(newFd(call, "stage")).subarray(0, 4));
  return 4321n;
}

function execute(call: Call): Stop {
  for (let at = call.words[1];; at += 8n) {
    const pointer = get(call, at, 8).getBigInt64(0, true);
    if (pointer === 0n) return { stop: "exec", status: 0 };
    call.playing.executed.push(textAt(call.machine, pointer));
  }
}

const LEFT = { stop: "exit", status: LEAVE_STATUS } as const;
export const words: readonly string[] = ["exec", "web", "true"];
export const ENDED = report(REPORT.exited, { code: 1, status: 0 });
export const UNDONE = report(REPORT.undone);
export const WELL = { stage: [report(REPORT.started, { a: 7 }), ENDED, UNDONE] } as const;

export const began = ({ calls }: Played): boolean => calls.includes("clone3");

export function assertLeft(played: Played, why?: string): void {
  assertEquals(played.stop, LEFT, why);
  assert(!began(played), why);
  assertEquals(played.open.length, 0, `${why}: ${played.open}`);
}
