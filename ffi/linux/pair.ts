/** Calls that give two descriptors at once; both are close-on-exec. */
import { O_CLOEXEC } from "../abi/fcntl.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET } from "../abi/socket.ts";
import { pipe2 } from "../calls/open.ts";
import { socketpair } from "../calls/socket.ts";
import { check, readCell } from "./run.ts";

/** Where the kernel writes the two numbers. */
const PAIR = { cell: "descriptor pair", size: 8 } as const;

function readPair(): readonly [number, number] {
  const bytes = readCell(PAIR);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** A pipe: its reading end, its writing end; `flags` is 0 or O_NONBLOCK. Throws SyscallError. */
export function openPipe(flags = 0): readonly [number, number] {
  check(pipe2({ pipefd: PAIR, flags: O_CLOEXEC | flags }));
  return readPair();
}

/** The two ends of a socket that keeps messages apart. Throws SyscallError. */
export function openMessagePair(): readonly [number, number] {
  check(
    socketpair({ domain: AF_UNIX, type: SOCK_SEQPACKET | SOCK_CLOEXEC, protocol: 0, sv: PAIR }),
  );
  return readPair();
}
