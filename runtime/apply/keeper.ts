/** Starts a project's keeper, finds the one that runs, and tells it what to start or to adopt. */
import {
  EAGAIN,
  ECONNREFUSED,
  EMFILE,
  ENOENT,
  errnoMessage,
  errnoName,
} from "../../ffi/abi/errno.ts";
import {
  FALLOC_FL_KEEP_SIZE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from "../../ffi/abi/fcntl.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
} from "../../ffi/abi/socket.ts";
import { fallocate, ftruncate } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import {
  bind,
  connect,
  listen,
  recvfrom,
  sendmsg,
  socket,
  unixAddress,
} from "../../ffi/calls/socket.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { fileSize, getuid } from "../../ffi/linux/file.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { openMessagePair } from "../../ffi/linux/pair.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { receiveFds } from "../../ffi/linux/receive.ts";
import { callSync, check, readCell, SyscallError } from "../../ffi/linux/run.ts";
import { spawnImage } from "../../ffi/linux/spawn.ts";
import { encode } from "../../ffi/stage/encode.ts";
import { ContainervError } from "../plan/error.ts";
import type { KeeperOptions } from "../plan/keeper/core.ts";
import { keeperProgram } from "../plan/keeper/program.ts";
import { FIRST_PASSED_FD } from "../plan/report.ts";
import {
  ANSWER,
  ANSWER_BYTES,
  ENDING_BYTES,
  ENDINGS_FD,
  ENDINGS_ROOM_BYTES,
  FIRST_CLIENT_FD,
  LISTEN_FD,
  LOGS_FD,
  MESSAGE,
  MESSAGE_BYTES,
  MESSAGE_FILES,
  MESSAGE_LIMIT,
  MESSAGE_LOG,
  MESSAGE_LOST,
  MESSAGE_PASSED,
  MESSAGE_PID,
  MESSAGE_SIZE,
  MESSAGE_WAIT,
  PASSED_MAX,
  START_FDS,
} from "../plan/keeper/protocol.ts";
import { type KeptLog, NO_LOG } from "../state/frames.ts";
import { KEEPER_SOCKET, type ProjectPlaces } from "../state/places.ts";
import type { ContainerRecord } from "../state/record.ts";

/** A connection to a project's keeper. */
export interface Keeper {
  readonly socket: Fd;
  /** Absent: it was running already, its pid stands in the project's record. */
  readonly pid?: number;
}

/** What is said about a container's log. */
export interface LogOptions {
  /** Eight characters. */
  readonly name: string;
  /** A log that is as long becomes an old one. */
  readonly limitBytes: number;
  /** How many old ones are kept, 1 to 9. */
  readonly files: number;
  /** How long output waits for room on a full disk, in seconds; absent: not at all. */
  readonly waitSeconds?: number;
}

/** Of a container as it is recorded. */
export function logOptions(
  { log, logs }: Pick<ContainerRecord, "log" | "logs">,
): LogOptions {
  const { maxBytes, maxFiles, waitMs } = logs;
  return {
    name: log,
    limitBytes: maxBytes,
    files: maxFiles,
    ...(waitMs === undefined ? {} : { waitSeconds: Math.ceil(waitMs / 1000) }),
  };
}

/** How long a keeper may take to answer before it is taken for dead: it does nothing that waits. */
const ANSWER_MS = 10_000;
const NO_ANSWER = `it does not answer within ${ANSWER_MS / 1000} s`;
const HOW_TO_END =
  "kill it (kill -9 of the process containerv-keeper that project.json names) and run the command again: another is started, and " +
  "adopts what runs. containerv down kills it too, with all containers";
const ANSWER_CELL = { cell: "keeper answer", size: ANSWER_BYTES } as const;
const NAME = "containerv-keeper";

/** Runs `act` with the address of the keeper's socket: by a descriptor, because a path has at most 107 bytes. */
function withAddress<Result>(
  { directory }: ProjectPlaces,
  act: (address: ReturnType<typeof unixAddress>) => Result,
): Result {
  using place = Fd.open(
    openat({ pathname: directory, flags: O_PATH | O_DIRECTORY | O_CLOEXEC }),
  );
  return act(unixAddress(`/proc/self/fd/${place.number}/${KEEPER_SOCKET}`));
}

const newSocket = (flags = 0): Fd =>
  Fd.open(socket({ domain: AF_UNIX, type: SOCK_SEQPACKET | SOCK_CLOEXEC | flags, protocol: 0 }));

/** What a keeper that is stopped gives when its queue of connections is full, in place of a connection. */
const SILENT: readonly number[] = [0, -EAGAIN];

/** True when the project's keeper takes connections and says nothing: it is stopped, or hangs. Throws SyscallError. */
export async function isKeeperSilent(places: ProjectPlaces, timeoutMs: number): Promise<boolean> {
  using ours = newSocket(SOCK_NONBLOCK);
  const result = withAddress(
    places,
    (addr) => Number(callSync(connect({ sockfd: ours.number, addr }))),
  );
  if (!SILENT.includes(result)) return false;
  for (const deadline = performance.now() + timeoutMs; performance.now() < deadline;) {
    if (result === 0 && waitForFd({ fd: ours.number, timeoutMs: SLICE_MS }) !== 0) return false;
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
  }
  return true;
}

const SLICE_MS = 2;

/**
 * `undefined` when no keeper listens, or the one that does is ending: with its last container it goes, and what connects to it in
 * that moment is never greeted. Throws SyscallError, and ContainervError when one is there and does not answer.
 */
export function connectKeeper(places: ProjectPlaces): Keeper | undefined {
  // Not to wait for ever where its queue is full.
  const ours = newSocket(SOCK_NONBLOCK);
  const call = withAddress(places, (addr) => {
    const made = connect({ sockfd: ours.number, addr });
    return { made, result: Number(callSync(made)) };
  });
  if (call.result === 0) {
    const keeper = { socket: ours };
    try {
      if (receiveAnswer(keeper) !== undefined) return keeper;
    } catch (error) {
      ours[Symbol.dispose]();
      throw error;
    }
  }
  ours[Symbol.dispose]();
  if ([0, -ECONNREFUSED, -ENOENT].includes(call.result)) return undefined;
  if (call.result === -EAGAIN) throw keeperLost(NO_ANSWER, { fix: HOW_TO_END });
  throw new SyscallError(call.made, -call.result);
}

/**
 * Starts a keeper for a project that has none; the caller holds the project's lock. Throws SyscallError, and ContainervError
 * when it does not become ready.
 */
export async function startKeeper(
  places: ProjectPlaces,
  options: Pick<KeeperOptions, "collector"> = {},
): Promise<Keeper> {
  const { architecture } = kernel().seam;
  const program = keeperProgram({ ...options, architecture, uid: getuid() });
  const { image } = encode(program, architecture);
  using listening = listenAt(places);
  using logs = Fd.open(
    openat({ pathname: places.logs, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC }),
  );
  using endings = openEndings(places.endings);
  using none = Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  const [ours, theirs] = openMessagePair();
  const socketFd = new Fd(ours);
  using client = new Fd(theirs);
  try {
    const pid = spawnImage({
      image,
      name: NAME,
      argv: [NAME],
      fds: [
        { from: none.number, to: 0 },
        { from: none.number, to: 1 },
        { from: none.number, to: 2 },
        { from: listening.number, to: LISTEN_FD },
        { from: client.number, to: FIRST_CLIENT_FD },
        { from: logs.number, to: LOGS_FD },
        { from: endings.number, to: ENDINGS_FD },
        ...Array.from({ length: PASSED_MAX }, (_, index) => ({
          from: none.number,
          to: FIRST_PASSED_FD + index,
        })),
      ],
    });
    client[Symbol.dispose]();
    // It leaves by a second clone: its first process ends at once.
    await awaitChild(pid);
    const keeper = { socket: socketFd };
    return { ...keeper, pid: awaitAnswer(keeper, ANSWER.ready) };
  } catch (error) {
    socketFd[Symbol.dispose]();
    throw error;
  }
}

function listenAt(places: ProjectPlaces): Fd {
  const listening = newSocket();
  try {
    withAddress(places, (addr) => {
      // What a dead keeper left.
      callSync(unlinkat({ pathname: `${places.directory}/${KEEPER_SOCKET}`, flags: 0 }));
      check(bind({ sockfd: listening.number, addr }));
      check(listen({ sockfd: listening.number, backlog: 64 }));
    });
    return listening;
  } catch (error) {
    listening[Symbol.dispose]();
    throw error;
  }
}

/** What a keeper wrote to its half before the machine's memory was full is cut off. Without room for more it does without, as long as there is none. */
function openEndings(path: string): Fd {
  const flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  const fd = Fd.open(openat({ pathname: path, flags, mode: 0o600 }));
  const size = fileSize(path) ?? 0;
  if (size % ENDING_BYTES !== 0) {
    check(ftruncate({ fd: fd.number, length: size - size % ENDING_BYTES }));
  }
  const room = { mode: FALLOC_FL_KEEP_SIZE, offset: size, len: ENDINGS_ROOM_BYTES };
  callSync(fallocate({ fd: fd.number, ...room }));
  return fd;
}

function messageOf(
  kind: number,
  log: LogOptions & {
    readonly kept: KeptLog;
    readonly pid?: number;
    readonly passed?: readonly number[];
  },
): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, kind, true);
  view.setUint32(MESSAGE_PID, log.pid ?? 0, true);
  bytes.set(new TextEncoder().encode(log.name), MESSAGE_LOG);
  view.setBigUint64(MESSAGE_LIMIT, BigInt(log.limitBytes), true);
  view.setBigUint64(MESSAGE_SIZE, BigInt(log.kept.sizeBytes), true);
  view.setBigUint64(MESSAGE_LOST, BigInt(log.kept.lostBytes), true);
  view.setUint32(MESSAGE_FILES, log.files, true);
  view.setUint32(MESSAGE_WAIT, log.waitSeconds ?? 0, true);
  view.setUint32(MESSAGE_PASSED, log.passed?.length ?? 0, true);
  return bytes;
}

/** Descriptors of a start: `image` is a sealed memfd, `output` and `errors` are the reading ends of what the container writes. */
export type StartFds = Readonly<Record<typeof START_FDS[number], number>>;

export interface StartByKeeper extends LogOptions {
  readonly kept: KeptLog;
  /** What is handed on to the container alone. */
  readonly passed: readonly number[];
}

/** Has a stage started; the result is its pid. Throws ContainervError when the keeper is gone or could not. */
export function startByKeeper(keeper: Keeper, fds: StartFds, start: StartByKeeper): number {
  if (start.passed.length > PASSED_MAX) {
    throw new ContainervError({
      code: "TOO_MANY_SECRETS",
      message:
        `a detached container can have ${PASSED_MAX} secrets, and this has ${start.passed.length}`,
      fix: "put several into one file",
    });
  }
  const named = START_FDS.map((name) => fds[name]);
  send(keeper, messageOf(MESSAGE.start, start), [...named, ...start.passed]);
  return awaitAnswer(keeper, ANSWER.start);
}

/** Has a container kept whose keeper was lost. Throws ContainervError. */
export function adoptByKeeper(
  keeper: Keeper,
  fds: { readonly pidfd: number; readonly output: number; readonly errors: number },
  log: LogOptions & { readonly kept: KeptLog; readonly pid: number },
): void {
  send(keeper, messageOf(MESSAGE.adopt, log), [fds.pidfd, fds.output, fds.errors]);
  awaitAnswer(keeper, ANSWER.adopt);
}

/**
 * Has a container's root kept (and with `lock` the lock of its disk) until it is released, also when the container has ended: under
 * the name of its log, in place of what was kept under it. The caller's descriptors stay its own. Throws ContainervError.
 */
export function holdByKeeper(
  keeper: Keeper,
  name: string,
  { root, lock, pid }: { readonly root: number; readonly lock: number; readonly pid: number },
): void {
  send(keeper, heldMessage(MESSAGE.hold, name, pid), [root, lock]);
  awaitAnswer(keeper, ANSWER.hold);
}

/** Copies of what is kept under a name: first the root. None: nothing is. Throws ContainervError when the keeper is gone. */
export function heldByKeeper(keeper: Keeper, name: string): readonly Fd[] {
  send(keeper, heldMessage(MESSAGE.give, name), []);
  if (waitForFd({ fd: keeper.socket.number, timeoutMs: ANSWER_MS }) === 0) {
    throw keeperLost(NO_ANSWER, { fix: HOW_TO_END });
  }
  return receiveFds(keeper.socket);
}

/** What is kept under a name, if anything is, is let go. Throws ContainervError when the keeper is gone. */
export function releaseByKeeper(keeper: Keeper, name: string): void {
  send(keeper, heldMessage(MESSAGE.release, name), []);
  awaitAnswer(keeper, ANSWER.release);
}

const heldMessage = (kind: number, name: string, pid = 0): Uint8Array =>
  messageOf(kind, { name, limitBytes: 0, files: 0, kept: NO_LOG, pid });

function send(keeper: Keeper, buf: Uint8Array, fds: readonly number[]): void {
  const call = sendmsg({ sockfd: keeper.socket.number, buf, fds, flags: MSG_NOSIGNAL });
  const result = Number(callSync(call));
  if (result < 0) throw keeperLost(new SyscallError(call, -result).message);
}

function awaitAnswer(keeper: Keeper, kind: number): number {
  const answer = receiveAnswer(keeper);
  if (answer === undefined) throw keeperLost("it has ended");
  if (answer.kind === ANSWER.failed) throw keeperFailed(answer.value);
  if (answer.kind !== kind || answer.value < 0) throw keeperFailed(-answer.value);
  return answer.value;
}

/** `undefined`: it has ended. Throws ContainervError when it says nothing. */
function receiveAnswer(
  { socket: fd }: Keeper,
): { readonly kind: number; readonly value: number } | undefined {
  if (waitForFd({ fd: fd.number, timeoutMs: ANSWER_MS }) === 0) {
    throw keeperLost(NO_ANSWER, { fix: HOW_TO_END });
  }
  const count = Number(callSync(recvfrom({ sockfd: fd.number, buf: ANSWER_CELL })));
  if (count !== ANSWER_BYTES) return undefined;
  const bytes = readCell(ANSWER_CELL);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { kind: view.getUint32(0, true), value: view.getInt32(4, true) };
}

function keeperFailed(errno: number): ContainervError {
  return keeperLost(`it could not: ${errnoName(errno)} (${errnoMessage(errno)})`, {
    fix: errno === EMFILE
      ? "raise the limit of open files (ulimit -n) of whoever starts the project"
      : "run the command again",
  });
}

function keeperLost(why: string, more: { readonly fix?: string } = {}): ContainervError {
  return new ContainervError({
    code: "KEEPER_LOST",
    message: `cannot have the container kept: the project's keeper is no help: ${why}`,
    fix: "run the command again: another keeper is started, and adopts what runs",
    ...more,
  });
}
