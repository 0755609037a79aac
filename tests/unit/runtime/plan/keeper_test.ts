/** The keeper's program on the simulator: what it starts, writes and ends, against a made-up kernel. */
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
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
  ANSWER,
  ENDING_BYTES,
  ENDINGS_FD,
  FRAME_HEADER_BYTES,
  LISTEN_FD,
  MESSAGE,
  MESSAGE_BYTES,
  MESSAGE_FILES,
  MESSAGE_LIMIT,
  MESSAGE_LOG,
  MESSAGE_PASSED,
  MESSAGE_PID,
  START_FDS,
} from "../../../../runtime/plan/keeper/protocol.ts";

const collector = { pathname: "/bin/cv", argv: ["cv", "collect", "shop"], envp: ["HOME=/"] };
const options = { architecture: "x86_64", uid: 1000, collector } as const;
const { image } = encode(keeperProgram(options), "x86_64");
const NAMES = new Map([...syscallNames("x86_64")]);
/** Descriptors as the made-up kernel gives them. */
const CLIENT = 41n;
const FIRST_SENT = 50;

/** What happens next: the keeper is woken by it. */
type Event =
  | { readonly on: bigint; readonly message?: Uint8Array; readonly fds?: readonly number[] }
  | { readonly on: bigint; readonly output: string }
  | { readonly on: "signals"; readonly ended: number };

interface World {
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
  /** Calls of what it cloned. */
  readonly child: readonly string[];
  /** Descriptors that were sent. */
  readonly given: readonly number[];
}

interface PlayOptions {
  /** Peer of each connection. */
  readonly uid?: number;
  /** Writes to the log that fail for want of room, from the first on. */
  readonly fullFor?: number;
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
}

interface Call {
  readonly word: (index: number) => bigint;
  readonly view: (address: bigint, size: number) => DataView;
  readonly machine: Machine;
}

/** Runs the keeper through events; when there are none left every connection and pipe is at its end. */
function play(events: readonly Event[], options: PlayOptions = {}): World {
  const state: State = {
    queue: [...events],
    options,
    data: new Map(),
    answers: [],
    calls: [],
    frames: [],
    endings: [],
    renames: [],
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

function startMessage(
  log: { readonly limit?: number; readonly files?: number; readonly passed?: number } = {},
) {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MESSAGE.start, true);
  bytes.set(new TextEncoder().encode("abcd1234"), MESSAGE_LOG);
  view.setBigUint64(MESSAGE_LIMIT, BigInt(log.limit ?? 1_000_000), true);
  view.setUint32(MESSAGE_FILES, log.files ?? 3, true);
  view.setUint32(MESSAGE_PASSED, log.passed ?? 0, true);
  return bytes;
}

/** Messages about what is held under a log's name; `fds`: its descriptors. */
function heldMessage(kind: number, name: string, fds: readonly number[] = []): Event {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  view.setUint32(MESSAGE_PID, 700, true);
  bytes.set(new TextEncoder().encode(name), MESSAGE_LOG);
  return { on: CLIENT, message: bytes, fds };
}

const SENT = START_FDS.map((_, index) => FIRST_SENT + index);
const OUTPUT = BigInt(FIRST_SENT + START_FDS.indexOf("output"));
const ERRORS = BigInt(FIRST_SENT + START_FDS.indexOf("errors"));
const START: Event = { on: CLIENT, message: startMessage(), fds: SENT };

describe("keeper", () => {
  test("says that it is ready, and ends when nobody is connected and nothing is kept", () => {
    const { stop, answers } = play([]);
    assertEquals(stop, { stop: "exit", status: 0 });
    assertEquals(answers, [{ kind: ANSWER.ready, value: 99 }]);
  });

  test("starts a stage with its descriptors at their numbers, and has none of them left", () => {
    const { answers, child, calls } = play([START, { on: "signals", ended: 700 }]);
    assertEquals(answers[1], { kind: ANSWER.start, value: 700 });
    const at = (name: typeof START_FDS[number]) => FIRST_SENT + START_FDS.indexOf(name);
    assertEquals(child.filter((call) => call.startsWith("dup3")), [
      `dup3 ${at("stdin")} 0`,
      `dup3 ${at("stdout")} 1`,
      `dup3 ${at("stderr")} 2`,
      `dup3 ${at("control")} 3`,
      `dup3 ${at("report")} 4`,
      `dup3 ${at("announce")} 5`,
      `dup3 ${at("plan")} 6`,
    ]);
    assertEquals(child.at(-1)?.split(" ").slice(0, 2), ["execveat", String(at("image"))]);
    for (const fd of SENT) {
      assert(calls.some((call) => call.startsWith(`close ${fd} `)), `${fd} is open`);
    }
  });

  test("hands on what is for the container alone", () => {
    const message = startMessage({ passed: 2 });
    const { child, calls } = play([
      { on: CLIENT, message, fds: [...SENT, 90, 91] },
      { on: "signals", ended: 700 },
    ]);
    assert(child.includes("dup3 90 7") && child.includes("dup3 91 8"));
    for (const fd of [90, 91]) assert(calls.some((call) => call.startsWith(`close ${fd} `)));
  });

  test("holds roots under their names until they are released, in whatever order", () => {
    const { answers, given, calls, stop } = play([
      heldMessage(MESSAGE.hold, "aaaaaaaa", [90, 91]),
      heldMessage(MESSAGE.hold, "bbbbbbbb", [92, 93]),
      heldMessage(MESSAGE.hold, "aaaaaaaa", [94, 95]),
      heldMessage(MESSAGE.give, "aaaaaaaa"),
      heldMessage(MESSAGE.release, "aaaaaaaa"),
      heldMessage(MESSAGE.give, "aaaaaaaa"),
      heldMessage(MESSAGE.give, "bbbbbbbb"),
      heldMessage(MESSAGE.release, "bbbbbbbb"),
      heldMessage(MESSAGE.release, "bbbbbbbb"),
    ]);
    assertEquals(answers.slice(1).map(({ kind, value }) => [kind, value]), [
      [ANSWER.hold, 0],
      [ANSWER.hold, 0],
      [ANSWER.hold, 0],
      [ANSWER.give, 0],
      [ANSWER.release, 0],
      [ANSWER.give, -ENOENT],
      [ANSWER.give, 0],
      [ANSWER.release, 0],
      [ANSWER.release, 0],
    ]);
    assertEquals(given, [94, 95, 92, 93]);
    const closed = calls.filter((call) => /^close 9[0-5] /.test(call));
    assertEquals(closed.map((call) => call.split(" ")[1]), ["90", "91", "94", "95", "92", "93"]);
    assertEquals(stop, { stop: "exit", status: 0 });
  });

  test("starts what copies outputs, once, when a container whose root it holds has ended", () => {
    const held = [START, heldMessage(MESSAGE.hold, "aaaaaaaa", [90, 91])];
    const release = heldMessage(MESSAGE.release, "aaaaaaaa");
    const started = (events: readonly Event[]) =>
      play(events).child.filter((call) => call.startsWith("execve ")).length;
    const ended: Event = { on: "signals", ended: 700 };
    assertEquals(started([...held, ended, { on: "signals", ended: 700 }, release]), 1);
    assertEquals(started([...held, { on: "signals", ended: 701 }, release, ended]), 0);
  });

  test("a message with too few descriptors ends the connection and starts nothing", () => {
    const { stop, answers, child } = play([{ on: CLIENT, message: startMessage(), fds: [50, 51] }]);
    assertEquals([stop.status, answers.length, child], [0, 1, []]);
  });

  test("a connection of another user is closed", () => {
    const listen = { on: BigInt(LISTEN_FD) };
    const closed = (calls: readonly string[]) => calls.some((call) => call.startsWith("close 60 "));
    const refused = play([listen], { uid: 1001 });
    assert(closed(refused.calls) && !refused.calls.some((call) => call.startsWith("recvmsg 60 ")));
    for (const uid of [0, 1000]) {
      assert(play([listen], { uid }).calls.some((call) => call.startsWith("recvmsg 60 ")));
    }
  });

  test("output becomes frames with their stream; both pipes at their end free the log", () => {
    const { frames } = play([
      START,
      { on: OUTPUT, output: "hello\n" },
      { on: ERRORS, output: "oh" },
      { on: "signals", ended: 700 },
    ]);
    assertEquals(frames, [
      { stream: 1, lost: 0n, text: "hello\n" },
      { stream: 2, lost: 0n, text: "oh" },
    ]);
  });

  test("what finds no room is counted, and the next frame says so", () => {
    const { frames, calls } = play([
      START,
      { on: OUTPUT, output: "lost" },
      { on: ERRORS, output: "too" },
      { on: OUTPUT, output: "kept" },
      { on: OUTPUT, output: "more" },
      { on: "signals", ended: 700 },
    ], { fullFor: 2 });
    assertEquals(frames, [
      { stream: 1, lost: 7n, text: "kept" },
      { stream: 1, lost: 0n, text: "more" },
    ]);
    assertEquals(calls.filter((call) => call.startsWith("ftruncate 80")).length, 2);
  });

  test("a log at its limit is rotated, the oldest first", () => {
    const message = startMessage({ limit: 40, files: 3 });
    const { renames } = play([
      { on: CLIENT, message, fds: SENT },
      { on: OUTPUT, output: "0123456789" },
      { on: "signals", ended: 700 },
    ]);
    assertEquals(renames, [
      "abcd1234.2 abcd1234.3",
      "abcd1234.1 abcd1234.2",
      "abcd1234 abcd1234.1",
    ]);
  });

  test("an ending is written before the child is reaped, and again when there was no room", () => {
    const once = play([START, { on: "signals", ended: 700 }]);
    assertEquals(once.endings, [700]);
    const write = once.calls.findIndex((call) => call.startsWith(`write ${ENDINGS_FD} `));
    const reap = once.calls.findIndex((call) => call === "waitid 1 700");
    assert(write >= 0 && reap > write);
    const full = play(
      [START, { on: "signals", ended: 700 }, { on: "signals", ended: 700 }],
      { endingsFullFor: 1 },
    );
    assertEquals(full.endings, [700]);
    assertEquals(full.calls.filter((call) => call === "waitid 1 700").length, 1);
  });
});
