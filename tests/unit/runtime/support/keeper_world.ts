/** A made-up kernel for the keeper's program: what happens to it, and what it did. */
import { assert } from "@std/assert";
import { EAGAIN, ECHILD, ENOENT, ENOSPC } from "../../../../ffi/abi/errno.ts";
import { syscallNames } from "../../../../ffi/abi/syscalls.ts";
import { encode } from "../../../../ffi/stage/encode.ts";
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
import { keeperProgram } from "../../../../runtime/plan/keeper/program.ts";
import {
  ENDING_BYTES,
  ENDINGS_FD,
  FRAME_HEADER_BYTES,
  LISTEN_FD,
  MESSAGE,
  MESSAGE_BYTES,
  MESSAGE_FILES,
  MESSAGE_LIMIT,
  MESSAGE_LOG,
  MESSAGE_LOST,
  MESSAGE_PASSED,
  MESSAGE_PID,
  MESSAGE_WAIT,
  START_FDS,
} from "../../../../runtime/plan/keeper/protocol.ts";

const collector = { pathname: "/bin/cv", argv: ["cv", "collect", "shop"], envp: ["HOME=/"] };
const options = { architecture: "x86_64", uid: 1000, collector } as const;
const { image } = encode(keeperProgram(options), "x86_64");
const NAMES = new Map([...syscallNames("x86_64")]);
/** Descriptors as the made-up kernel gives them. */
export const CLIENT: bigint = 41n;
export const TIMER: bigint = 38n;
export const FIRST_SENT = 50;

/** What happens next: the keeper is woken by it. */
export type Event =
  | { readonly on: bigint; readonly message?: Uint8Array; readonly fds?: readonly number[] }
  | { readonly on: bigint; readonly output: string }
  | { readonly on: "signals"; readonly ended: number };

export interface World {
  readonly stop: Stop;
  readonly answers: readonly { readonly kind: number; readonly value: number }[];
  /** Every call, with its first two words. */
  readonly calls: readonly string[];
  readonly frames: readonly {
    readonly stream: number;
    readonly lost: bigint;
    readonly text: string;
  }[];
  readonly endings: readonly number[];
  readonly renames: readonly string[];
  /** What stands in the times of logs. */
  readonly losses: readonly Loss[];
  /** Calls of what it cloned. */
  readonly child: readonly string[];
  /** Descriptors that were sent. */
  readonly given: readonly number[];
}

export interface PlayOptions {
  /** Peer of each connection. */
  readonly uid?: number;
  /** Writes to the log that fail for want of room, from the first on. */
  readonly fullFor?: number;
  /** How often there is no room when it is asked for. */
  readonly noRoomFor?: number;
  /** Writes to the file of endings that fail. */
  readonly endingsFullFor?: number;
}

interface State {
  readonly queue: Event[];
  readonly options: PlayOptions;
  /** Descriptor → the word that epoll gives back. */
  readonly data: Map<bigint, bigint>;
  readonly answers: { kind: number; value: number }[];
  readonly calls: string[];
  readonly frames: { stream: number; lost: bigint; text: string }[];
  readonly endings: number[];
  readonly renames: string[];
  readonly losses: Loss[];
  readonly child: string[];
  readonly given: number[];
  readonly cloned: Set<Machine>;
  readonly kernel: Kernel;
  current: Event | undefined;
  clones: number;
  children: number;
  zombie: number | undefined;
  fullFor: number;
  endingsFullFor: number;
  noRoomFor: number;
  nowSeconds: number;
}

interface Loss {
  readonly log: string;
  readonly bytes: bigint;
  readonly nanoseconds: number;
}

interface Call {
  readonly word: (index: number) => bigint;
  readonly view: (address: bigint, size: number) => DataView;
  readonly machine: Machine;
}

/** Runs the keeper through events; when there are none left every connection and pipe is at its end. */
export function play(events: readonly Event[], options: PlayOptions = {}): World {
  const state: State = {
    queue: [...events],
    options,
    data: new Map(),
    answers: [],
    calls: [],
    frames: [],
    endings: [],
    renames: [],
    losses: [],
    child: [],
    given: [],
    cloned: new Set(),
    kernel: (number, words, machine) => answer(state, NAMES.get(number) ?? "?", { words, machine }),
    current: undefined,
    clones: 0,
    children: 0,
    zombie: undefined,
    fullFor: options.fullFor ?? 0,
    endingsFullFor: options.endingsFullFor ?? 0,
    noRoomFor: options.noRoomFor ?? 0,
    nowSeconds: 100,
  };
  const stop = runMachine(createMachine(image), { kernel: state.kernel, stepsMax: 1_000_000 });
  return { stop, ...state };
}

function answer(
  state: State,
  name: string,
  { words, machine }: { readonly words: readonly bigint[]; readonly machine: Machine },
): bigint | Stop {
  const word = (index: number): bigint => words[index] ?? 0n;
  const view = (address: bigint, size: number): DataView => {
    const bytes = readMemory(machine.memory, address, size);
    return new DataView(bytes.buffer, bytes.byteOffset, size);
  };
  const isChild = state.cloned.has(machine);
  (isChild ? state.child : state.calls).push(`${name} ${word(0)} ${word(1)}`);
  if (isChild) return name.startsWith("execve") ? { stop: "exec", status: 0 } : 0n;
  return ANSWERS[name]?.(state, { word, view, machine }) ?? 0n;
}

function textAt({ machine }: Call, address: bigint): string {
  let out = "";
  for (let at = address;; at++) {
    const [byte = 0] = readMemory(machine.memory, at, 1);
    if (byte === 0) return out;
    out += String.fromCharCode(byte);
  }
}

const ANSWERS: Readonly<Record<string, (state: State, call: Call) => bigint | Stop>> = {
  exit_group: (_state, { word }) => ({ stop: "exit", status: Number(word(0)) }),
  epoll_create1: () => 39n,
  signalfd4: () => 40n,
  fcntl: () => CLIENT,
  getpid: () => 99n,
  accept4: () => 60n,
  openat: () => 80n,
  lseek: ({ endings }) => BigInt(endings.length * ENDING_BYTES),
  clone3(state, { machine }) {
    // The first one leaves its starter: the child is what goes on.
    if (state.clones++ === 0) return 0n;
    state.children++;
    const child = forkMachine(machine, 0n);
    state.cloned.add(child);
    runMachine(child, { kernel: state.kernel });
    return 700n;
  },
  epoll_ctl({ data }, { word, view }) {
    if (word(1) === 1n) data.set(word(2), view(word(3), 12).getBigUint64(4, true));
    else data.delete(word(2));
    return 0n;
  },
  epoll_pwait(state, { word, view }) {
    const current = state.queue.shift() ?? endOf([...state.data.keys()]);
    state.current = current;
    const on = current.on === "signals" ? 40n : current.on;
    const address = state.data.get(on);
    assert(address !== undefined, `woken by ${on}, which is not waited for`);
    view(word(1), 12).setBigUint64(4, address, true);
    if ("ended" in current) state.zombie = current.ended;
    return 1n;
  },
  getsockopt({ options }, { word, view }) {
    view(word(3), 12).setUint32(4, options.uid ?? 1000, true);
    return 0n;
  },
  recvmsg({ current }, { word, view, machine }) {
    if (current === undefined || !("message" in current) || current.message === undefined) {
      return 0n;
    }
    const header = view(word(1), 56);
    const buffer = view(header.getBigUint64(16, true), 16).getBigUint64(0, true);
    writeMemory(machine.memory, buffer, current.message);
    const control = view(header.getBigUint64(32, true), 200);
    const { fds = [] } = current;
    control.setBigUint64(0, BigInt(16 + 4 * fds.length), true);
    fds.forEach((fd, index) => control.setInt32(16 + 4 * index, fd, true));
    return BigInt(current.message.length);
  },
  sendmsg({ answers, given }, { word, view }) {
    const header = view(word(1), 56);
    const buffer = view(header.getBigUint64(16, true), 16).getBigUint64(0, true);
    const sent = view(buffer, 8);
    const control = view(header.getBigUint64(32, true), 24);
    answers.push({ kind: sent.getUint32(0, true), value: sent.getInt32(4, true) });
    given.push(control.getInt32(16, true), control.getInt32(20, true));
    return 8n;
  },
  sendto({ answers }, { word, view }) {
    const sent = view(word(1), 8);
    answers.push({ kind: sent.getUint32(0, true), value: sent.getInt32(4, true) });
    return 8n;
  },
  timerfd_create: () => TIMER,
  clock_gettime(state, { word, view }) {
    if (word(0) === 1n) view(word(1), 16).setBigInt64(0, BigInt(state.nowSeconds++), true);
    return 0n;
  },
  ioctl({ current }, { word, view }) {
    const waits = current !== undefined && "output" in current ? current.output.length : 0;
    view(word(2), 4).setUint32(0, waits, true);
    return 0n;
  },
  fallocate(state) {
    return state.noRoomFor-- > 0 ? -BigInt(ENOSPC) : 0n;
  },
  read({ current }, { word, machine }) {
    if (word(0) === 40n) return -BigInt(EAGAIN);
    const output = current !== undefined && "output" in current ? current.output : "";
    writeMemory(machine.memory, word(1), new TextEncoder().encode(output));
    return BigInt(output.length);
  },
  write(state, { word, machine }) {
    const bytes = readMemory(machine.memory, word(1), Number(word(2))).slice();
    const written = new DataView(bytes.buffer);
    if (word(0) === BigInt(ENDINGS_FD)) {
      if (state.endingsFullFor-- > 0) return -BigInt(ENOSPC);
      state.endings.push(written.getInt32(16 + 16, true));
      return BigInt(bytes.length);
    }
    if (state.fullFor-- > 0) return 10n;
    state.frames.push({
      stream: written.getUint32(20, true),
      lost: written.getBigUint64(24, true),
      text: new TextDecoder().decode(bytes.subarray(FRAME_HEADER_BYTES)),
    });
    return BigInt(bytes.length);
  },
  utimensat({ losses }, call) {
    const times = call.view(call.word(2), 32);
    losses.push({
      log: textAt(call, call.word(1)),
      bytes: times.getBigUint64(16, true),
      nanoseconds: times.getUint32(24, true),
    });
    return losses.length === 1 ? -BigInt(ENOENT) : 0n;
  },
  renameat2({ renames }, call) {
    renames.push(`${textAt(call, call.word(1))} ${textAt(call, call.word(3))}`);
    return 0n;
  },
  waitid(state, { word, view }) {
    if (word(0) === 1n) {
      state.zombie = undefined;
      state.children--;
      return 0n;
    }
    if (state.zombie === undefined) return state.children > 0 ? 0n : -BigInt(ECHILD);
    view(word(2), 128).setInt32(16, state.zombie, true);
    return 0n;
  },
};

/** Nothing is left to happen: whatever is still open is at its end, clients before pipes. */
function endOf(open: readonly bigint[]): Event {
  const on = open.find((fd) => fd > 40n && fd !== BigInt(LISTEN_FD));
  return { on: on ?? 40n, output: "" };
}

export function startMessage(
  log: {
    readonly limit?: number;
    readonly files?: number;
    readonly passed?: number;
    readonly wait?: number;
    readonly lost?: number;
  } = {},
) {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MESSAGE.start, true);
  bytes.set(new TextEncoder().encode("abcd1234"), MESSAGE_LOG);
  view.setBigUint64(MESSAGE_LIMIT, BigInt(log.limit ?? 1_000_000), true);
  view.setUint32(MESSAGE_FILES, log.files ?? 3, true);
  view.setUint32(MESSAGE_PASSED, log.passed ?? 0, true);
  view.setUint32(MESSAGE_WAIT, log.wait ?? 0, true);
  view.setBigUint64(MESSAGE_LOST, BigInt(log.lost ?? 0), true);
  return bytes;
}

/** Messages about what is held under a log's name; `fds`: its descriptors. */
export function heldMessage(kind: number, name: string, fds: readonly number[] = []): Event {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  view.setUint32(MESSAGE_PID, 700, true);
  bytes.set(new TextEncoder().encode(name), MESSAGE_LOG);
  return { on: CLIENT, message: bytes, fds };
}

export const SENT: readonly number[] = START_FDS.map((_, index) => FIRST_SENT + index);
export const OUTPUT: bigint = BigInt(FIRST_SENT + START_FDS.indexOf("output"));
export const ERRORS: bigint = BigInt(FIRST_SENT + START_FDS.indexOf("errors"));
export const START: Event = { on: CLIENT, message: startMessage(), fds: SENT };
