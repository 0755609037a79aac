/**
 * `inputs:` and `outputs:` as they are carried out. What lies on the host is opened before anything is started: what the container does
 * to those places afterwards leads nowhere. The container's own files are reached through its root, which it hands over.
 */
import { ELOOP, ENOENT, ENOTDIR } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../ffi/abi/fcntl.ts";
import {
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from "../../ffi/abi/openat2.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../ffi/abi/socket.ts";
import { read } from "../../ffi/calls/io.ts";
import { sendmsg } from "../../ffi/calls/message.ts";
import { openat, openat2 } from "../../ffi/calls/open.ts";
import { sendto } from "../../ffi/calls/socket.ts";
import { openBelow, statusOf } from "../../ffi/linux/entries.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { getuid, readLink } from "../../ffi/linux/file.ts";
import { openMessagePair } from "../../ffi/linux/pair.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { receiveFds } from "../../ffi/linux/receive.ts";
import { callSync, check, readCell, SyscallError } from "../../ffi/linux/run.ts";
import type { Outcome } from "../apply/outcome.ts";
import { OWN_STATUS } from "../apply/outcome.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import type { Copied, Copies, Input, Output } from "../plan/ops/files.ts";
import { ANSWER, GIVE } from "../plan/report.ts";
import type { Collected } from "../state/record.ts";
import { baseName, KEPT_ATTRIBUTES, placeBelow } from "./copy_place.ts";
import { copyTree } from "./copy_tree.ts";
import { noted } from "./half_copies.ts";
import { makeWay, putWhole } from "./put_whole.ts";
import type { OpenCopies } from "./start.ts";

/** How long the event loop stands still at a time. */
const SLICE_MS = 2;

interface OpenInput {
  readonly op: Input;
  readonly source: Fd;
}

interface OpenOutput {
  readonly op: Output;
  readonly target: Target;
}

/** Where an output goes. */
interface Target {
  /** The directory that is there. */
  readonly above: Fd;
  /** Directories below it that are yet to be made. */
  readonly way: readonly string[];
  readonly name: string;
}

/** Opens everything of the host that is copied. Throws ContainervError for what is not there; then nothing is open. */
export function openCopies(copies: Copies): OpenCopies {
  const open: Fd[] = [];
  try {
    const inputs = copies.inputs.map((op): OpenInput => {
      const source = openSource(op);
      open.push(source);
      return { op, source };
    });
    const outputs = copies.outputs.map((op): OpenOutput => {
      const target = openTarget(op);
      open.push(target.above);
      return { op, target };
    });
    const [ours, passed] = openMessagePair();
    const socket = new Fd(ours);
    open.push(socket);
    return carry({ inputs, outputs, socket, passed, open });
  } catch (error) {
    for (const fd of open) fd[Symbol.dispose]();
    throw error;
  }
}

interface Carrying {
  readonly inputs: readonly OpenInput[];
  readonly outputs: readonly OpenOutput[];
  readonly socket: Fd;
  readonly passed: number;
  /** Everything that is to be closed. */
  readonly open: Fd[];
}

function carry({ inputs, outputs, socket, passed, open }: Carrying): OpenCopies {
  let root: Fd | undefined;
  let received: readonly Fd[] = [];
  const close = (): void => {
    for (const fd of open.splice(0)) fd[Symbol.dispose]();
  };
  return {
    passed,
    close,
    async answer(isOver) {
      received = await receivedRoot(socket, isOver);
      open.push(...received);
      root = received[0];
      // It failed before it came so far: its stage says why.
      if (root === undefined) return;
      try {
        const give = (file: Fd, mode: number): void => giveAway(socket, file, mode);
        for (const input of inputs) copyIn(root, input, give);
      } catch (error) {
        answer(socket, ANSWER.failed);
        throw error;
      }
      answer(socket, ANSWER.done);
    },
    received: () => received,
    finish(outcome) {
      try {
        return root === undefined ? outcome : withOutputs(root, outputs, outcome);
      } finally {
        close();
      }
    },
  };
}

/** The message of the container's first process; empty when it ended without one. */
async function receivedRoot(socket: Fd, isOver: () => boolean): Promise<readonly Fd[]> {
  while (waitForFd({ fd: socket.number, timeoutMs: SLICE_MS }) === 0) {
    if (isOver()) return [];
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return receiveFds(socket);
}

/** A word for the stage at the other end. */
export function answer(socket: Fd, word: number): void {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setUint32(0, word, true);
  callSync(sendto({ sockfd: socket.number, buf: message, flags: MSG_DONTWAIT }));
}

/** Below the trusted part of a path a container may have made links: none is followed there. */
const NO_LINKS = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH;

const below = (base: string, path: string): string =>
  path.slice(base === "/" ? 1 : base.length + 1);

function openSource({ from, base, origin }: Input): Fd {
  const pointer = `${origin}/from`;
  try {
    using trusted = Fd.open(openat({ pathname: base, flags: O_PATH | O_CLOEXEC }));
    const pathname = below(base, from) || ".";
    const flags = O_PATH | O_CLOEXEC;
    return Fd.open(openat2({ dirfd: trusted.number, pathname, flags, resolve: NO_LINKS }));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ContainervError({
      ...whyNot(error, from, { missing: { code: "INPUT_MISSING" }, link: { code: "INPUT_LINK" } }),
      pointer,
      undone: "nothing was done",
    });
  }
}

/** What is wrong with a path of the host. */
function whyNot(
  error: SyscallError,
  path: string,
  codes: Readonly<Record<"missing" | "link", { readonly code: string }>>,
): Pick<ErrorFacts, "code" | "message" | "fix" | "syscall" | "errno"> {
  const call = { syscall: error.message, errno: error.errno };
  if (error.errno === ENOENT) {
    return { ...codes.missing, message: `there is no ${path}`, fix: "make it", ...call };
  }
  if (error.errno === ELOOP) {
    return {
      ...codes.link,
      message: `${path} leads through a symbolic link, which a container may have made`,
      fix: "write where it leads",
      ...call,
    };
  }
  return { code: "COPY_FAILED", message: `cannot open ${path}: ${error.message}`, ...call };
}

/** Opens the directories of an output's place as far as they are there. Throws ContainervError for one that is a link, or no directory. */
function openTarget({ to, base, into, from, origin }: Output): Target {
  const parts = below(base, to).split("/").filter((part) => part !== "");
  const name = into || parts.length === 0 ? baseName(from) : parts.pop() ?? "";
  let above: Fd | undefined;
  try {
    above = Fd.open(openat({ pathname: base, flags: O_PATH | O_DIRECTORY | O_CLOEXEC }));
    while (parts.length > 0) {
      const next = openStep(above, parts[0] ?? "");
      if (next === undefined) break;
      above[Symbol.dispose]();
      above = next;
      parts.shift();
    }
    if (parts.length === 0) refuseLink(above, name);
    return { above, way: parts, name };
  } catch (error) {
    above?.[Symbol.dispose]();
    if (!(error instanceof SyscallError)) throw error;
    throw new ContainervError({
      ...whyNot(error, to, { missing: { code: "OUTPUT_MISSING" }, link: { code: "OUTPUT_LINK" } }),
      pointer: `${origin}/to`,
      undone: "nothing was done",
    });
  }
}

/** A directory that is there, never through a link; `undefined` when there is none. */
function openStep(above: Fd, pathname: string): Fd | undefined {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  return Fd.openIfThere(openat2({ dirfd: above.number, pathname, flags, resolve: NO_LINKS }));
}

/** A link at the very place would be replaced: who made it may have meant where it leads. */
function refuseLink(directory: Fd, pathname: string): void {
  const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  const call = openat({ dirfd: directory.number, pathname, flags });
  using entry = Fd.openIfThere(call);
  if (entry !== undefined && statusOf(entry).kind === "symlink") {
    throw new SyscallError(call, ELOOP);
  }
}

/** The container's first process gives the file away, for a runner that may not. Throws SyscallError, and Error when it has ended. */
function giveAway(socket: Fd, file: Fd, mode: number): void {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setUint32(0, GIVE, true);
  new DataView(message.buffer).setUint32(4, mode, true);
  check(sendmsg({ sockfd: socket.number, buf: message, fds: [file.number], flags: MSG_NOSIGNAL }));
  if (waitForFd({ fd: socket.number, timeoutMs: GIVE_MS }) === 0) {
    throw new Error("the container's first process does not answer");
  }
  const call = read({ fd: socket.number, buf: GIVEN, count: GIVEN.size });
  if (check(call) < GIVEN.size) throw new Error("the container has ended");
  const bytes = readCell(GIVEN);
  const errno = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (errno !== 0) throw new SyscallError("fchownat(file, its user)", errno);
}

const GIVEN = { cell: "given away", size: 8 } as const;
/** It only waits for this: who is not scheduled for so long never is. */
const GIVE_MS = 60_000;

function copyIn(
  root: Fd,
  { op, source }: OpenInput,
  give: (file: Fd, mode: number) => void,
): void {
  const { from, to, into, mode, latest, owner, given, origin } = op;
  try {
    using place = placeBelow(root, to, { name: baseName(from), into });
    copyTree(source, place, {
      ...(given === true ? { give } : getuid() === 0 ? { owner: () => owner } : {}),
      mode: (of) => of.kind === "directory" ? of.mode : mode ?? of.mode,
      attribute: (name) => KEPT_ATTRIBUTES.test(name) || name === "security.capability",
      latest,
    });
  } catch (error) {
    throw new ContainervError({
      ...failureOf(error, `cannot copy ${from} to ${to} in the container`),
      pointer: origin,
      undone: "everything was taken back",
    });
  }
}

function failureOf(error: unknown, what: string): ErrorFacts {
  if (error instanceof ContainervError) return error.facts;
  if (!(error instanceof Error)) throw error;
  const call = error instanceof SyscallError ? { syscall: error.message, errno: error.errno } : {};
  return { code: "COPY_FAILED", message: `${what}: ${error.message}`, ...call };
}

/**
 * Copies out of a container that was started by another process than this: the places on the host are opened now, and no link is
 * followed there that the container may have made.
 */
export function collectFrom(root: Fd, outputs: readonly Output[], good: boolean): Collected {
  return copyAll(outputs, good, (op) => {
    const target = openTarget(op);
    try {
      return copyOut(root, { op, target });
    } finally {
      target.above[Symbol.dispose]();
    }
  });
}

/** Those that are due after an ending; `good`: with 0. */
function copyAll(
  outputs: readonly Output[],
  good: boolean,
  copy: (op: Output, index: number) => Copied,
): Collected {
  const copied: Copied[] = [];
  const missed: ErrorFacts[] = [];
  outputs.forEach((op, index) => {
    if (!good && op.when !== "always") return;
    try {
      copied.push(copy(op, index));
    } catch (error) {
      const { from, to, origin } = op;
      const what = `cannot copy ${from} of the container to ${to}`;
      const { undone: _, ...facts } = failureOf(error, what);
      missed.push({ pointer: `${origin}/from`, ...facts });
    }
  });
  return { copied, missed };
}

/** The outcome with what was copied out. After a success what can't be had is a failure of ours; after a failure that stays the news. */
function withOutputs(root: Fd, outputs: readonly OpenOutput[], outcome: Outcome): Outcome {
  if (outcome.failure !== undefined) return outcome;
  const good = outcome.status === 0 && outcome.reason === "exited";
  const ops = outputs.map(({ op }) => op);
  const { copied, missed } = copyAll(ops, good, (_op, index) => {
    const output = outputs[index];
    if (output === undefined) throw new RangeError("an output that was not opened");
    return copyOut(root, output);
  });
  const [first, ...others] = missed;
  const all = { ...outcome, copied };
  if (first === undefined) return all;
  if (!good) return { ...all, missed };
  return { ...all, status: OWN_STATUS, reason: "failed", failure: first, missed: others };
}

function copyOut(root: Fd, { op, target }: OpenOutput): Copied {
  const { from, mode, latest } = op;
  using source = openOutput(root, op);
  using directory = makeWay(target.above, target.way);
  const { uid, gid } = statusOf(directory);
  const place = { directory, name: target.name };
  const result = noted(place, () =>
    putWhole(source, place, {
      ...(getuid() === 0 ? { owner: () => ({ uid, gid }) } : {}),
      // A program that runs as its owner inside must not do so on the host, where others can start it.
      mode: (of) => (of.kind === "directory" ? of.mode : mode ?? of.mode) & 0o1777,
      attribute: (name) => KEPT_ATTRIBUTES.test(name),
      latest,
    }));
  const to = `${readLink(`/proc/self/fd/${directory.number}`) ?? ""}/${target.name}`;
  return { from, to: to.replace(/^\/\//, "/"), ...result };
}

function openOutput(root: Fd, { from, origin }: Output): Fd {
  try {
    return openBelow(root, from);
  } catch (error) {
    const absent = error instanceof SyscallError &&
      (error.errno === ENOENT || error.errno === ENOTDIR);
    if (!absent) throw error;
    throw new ContainervError({
      code: "OUTPUT_MISSING",
      message: `the container has left no ${from}`,
      pointer: `${origin}/from`,
      fix: "make it there, or correct `from:`",
    });
  }
}
