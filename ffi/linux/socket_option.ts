/** Options of a socket, read. */
import { SO_PEERCRED, UCRED } from "../abi/socket.ts";
import { getsockopt } from "../calls/socket.ts";
import { check, readCell, writeCell } from "./run.ts";

const LENGTH = { cell: "socket option's length", size: 4 } as const;
const INT = { cell: "socket option", size: 4 } as const;
const PEER = { cell: "peer's credentials", size: UCRED.size } as const;

function read(fd: number, optname: number, optval: typeof INT | typeof PEER): DataView {
  const room = new Uint8Array(4);
  room[0] = optval.size;
  writeCell(LENGTH, room);
  check(getsockopt({ sockfd: fd, optname, optval, optlen: LENGTH }));
  const bytes = readCell(optval);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An option of SOL_SOCKET that is a number. Throws SyscallError: ENOTSOCK, EBADF. */
export function socketNumber(fd: number, optname: number): number {
  return read(fd, optname, INT).getInt32(0, true);
}

/** Who was at the other end of a unix socket when it was connected, as this process's namespaces call them. */
export interface Peer {
  /** 0: it is in a pid namespace that is not below ours. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** SO_PEERCRED of unix(7). Throws SyscallError. */
export function peerOf(fd: number): Peer {
  const view = read(fd, SO_PEERCRED, PEER);
  const { pid, uid, gid } = UCRED.fields;
  return {
    pid: view.getInt32(pid.offset, true),
    uid: view.getUint32(uid.offset, true),
    gid: view.getUint32(gid.offset, true),
  };
}
