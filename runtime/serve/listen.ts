/** The socket that clients connect to: made anew, taken over from a server that has died, or given by a service manager. */
import { EAGAIN, ECONNREFUSED, ENOENT } from "../../ffi/abi/errno.ts";
import {
  AT_REMOVEDIR,
  F_SETFD,
  FD_CLOEXEC,
  LOCK_EX,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
} from "../../ffi/abi/fcntl.ts";
import {
  AF_UNIX,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_TYPE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../ffi/abi/socket.ts";
import { flock } from "../../ffi/calls/io.ts";
import { fcntl, openat } from "../../ffi/calls/open.ts";
import { renameat2, umask, unlinkat } from "../../ffi/calls/path.ts";
import { bind, connect, listen, socket, unixAddress } from "../../ffi/calls/socket.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { entryKind, fileIdentity, makePrivateDirectory } from "../../ffi/linux/file.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import { socketNumber } from "../../ffi/linux/socket_option.ts";
import { ContainervError } from "../plan/error.ts";
import { ownStateDirectory } from "../state/project.ts";

/** A socket that listens. */
export interface Listening {
  readonly fd: Fd;
  /** For people. */
  readonly where: string;
  /** Takes its path away, if it still is ours. */
  readonly remove: () => void;
}

/** Where the server listens when nobody says it. */
export const defaultSocket = (): string => `${ownStateDirectory()}/serve.sock`;

const BACKLOG = 128;
/** Permission bits that a new socket does not get: all but the owner's reading and writing. */
const OWNER_ALONE = 0o177;

const newSocket = (): Fd =>
  Fd.open(
    socket({ domain: AF_UNIX, type: SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol: 0 }),
  );

function unusable(path: string, why: string, fix?: string): ContainervError {
  return new ContainervError({
    code: "SOCKET_UNUSABLE",
    message: `cannot listen at ${path}: ${why}`,
    ...(fix === undefined ? {} : { fix }),
    undone: "nothing was done",
  });
}

/** Listens at an absolute path. Throws ContainervError SOCKET_UNUSABLE, SOCKET_TAKEN. */
export function listenAt(path: string): Listening {
  const directory = path.slice(0, Math.max(1, path.lastIndexOf("/")));
  if (path === defaultSocket()) {
    const problem = makePrivateDirectory(directory);
    if (problem !== undefined) throw unusable(path, problem, "name another place: --socket PATH");
  }
  const fd = newSocket();
  try {
    // Of two servers that begin at once one waits here, and then finds the other.
    using lock = Fd.open(
      openat({ pathname: directory, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC }),
    );
    check(flock({ fd: lock.number, operation: LOCK_EX }));
    refuseLive(path);
    takePath(fd, path);
  } catch (error) {
    fd[Symbol.dispose]();
    if (error instanceof RangeError) throw unusable(path, error.message);
    if (error instanceof SyscallError) throw unusable(path, error.message);
    throw error;
  }
  const own = fileIdentity(path);
  const remove = (): void => {
    if (own === undefined || fileIdentity(path) !== own) return;
    callSync(unlinkat({ pathname: path, flags: 0 }));
    // With nothing else in it, the directory of all projects goes too.
    if (path === defaultSocket()) callSync(unlinkat({ pathname: directory, flags: AT_REMOVEDIR }));
  };
  return { fd, where: path, remove };
}

/** What lies at the path must be nothing, or the socket of a server that is no more. */
function refuseLive(path: string): void {
  const kind = entryKind(path);
  if (kind === undefined) return;
  if (kind !== "other") throw taken(path, `there is a ${kind}`, "name another path: --socket PATH");
  using probe = newSocket();
  const call = connect({ sockfd: probe.number, addr: unixAddress(path) });
  const result = Number(callSync(call));
  if (result === -ECONNREFUSED || result === -ENOENT) return;
  if (result === 0 || result === -EAGAIN) {
    throw taken(
      path,
      "a server listens there",
      "it serves already; or name another: --socket PATH",
    );
  }
  throw taken(path, new SyscallError(call, -result).message, "name another path: --socket PATH");
}

function taken(path: string, why: string, fix: string): ContainervError {
  return new ContainervError({
    code: "SOCKET_TAKEN",
    message: `cannot take ${path}: ${why}`,
    fix,
    undone: "nothing was done",
  });
}

/** It has its mode from its first moment, and its name when it listens: nobody is refused in between, nobody gets in. */
function takePath(fd: Fd, path: string): void {
  const fresh = `${path}.new`;
  callSync(unlinkat({ pathname: fresh, flags: 0 }));
  const before = check(umask({ mask: OWNER_ALONE }));
  try {
    check(bind({ sockfd: fd.number, addr: unixAddress(fresh) }));
  } finally {
    check(umask({ mask: before }));
  }
  check(listen({ sockfd: fd.number, backlog: BACKLOG }));
  check(renameat2({ oldpath: fresh, newpath: path, flags: 0 }));
}

/** First of the descriptors that a service manager passes. Source: sd_listen_fds(3). */
const LISTEN_FDS_START = 3;

/**
 * The socket that a service manager passes, if it passes one. Only a unix socket is taken: of another kind everybody on the network, or
 * in a browser, could be at the other end. Throws ContainervError SOCKET_UNUSABLE.
 */
export function passedSocket(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): Listening | undefined {
  const { LISTEN_PID, LISTEN_FDS } = environment;
  if (LISTEN_FDS === undefined || Number(LISTEN_PID) !== pid) return undefined;
  const where = "the socket of the service manager";
  if (LISTEN_FDS !== "1") throw unusable(where, `it passes ${LISTEN_FDS} of them, not one`);
  const fd = new Fd(LISTEN_FDS_START);
  try {
    const isUnix = socketNumber(fd.number, SO_DOMAIN) === AF_UNIX &&
      socketNumber(fd.number, SO_TYPE) === SOCK_STREAM;
    if (!isUnix || socketNumber(fd.number, SO_ACCEPTCONN) !== 1) {
      throw unusable(where, "it is no unix stream socket that listens", "ListenStream=/a/path");
    }
    check(fcntl({ fd: fd.number, cmd: F_SETFD, arg: FD_CLOEXEC }));
  } catch (error) {
    if (error instanceof SyscallError) throw unusable(where, error.message);
    throw error;
  }
  return { fd, where, remove: () => {} };
}
