/** Takes descriptors that another process sends. recvmsg(2), unix(7). */
import { EINTR } from "../abi/errno.ts";
import { CMSGHDR, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, SCM_RIGHTS, SOL_SOCKET } from "../abi/socket.ts";
import { recvmsg, rightsSpace } from "../calls/message.ts";
import { Fd } from "./fd.ts";
import { callSync, readCell, SyscallError } from "./run.ts";

/** As many as one message brings at most. */
const FDS_MAX = 4;
const CONTROL = { cell: "received control", size: rightsSpace(FDS_MAX) } as const;
const MESSAGE = { cell: "received message", size: 8 } as const;

/**
 * The descriptors of the message that has come; none at the end of the stream. Throws SyscallError: EAGAIN when no message is there.
 */
export function receiveFds(socket: Fd): readonly Fd[] {
  const flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT;
  const call = recvmsg({ sockfd: socket.number, buf: MESSAGE, control: CONTROL, flags });
  readCell(CONTROL).fill(0);
  let count = Number(callSync(call));
  while (count === -EINTR) count = Number(callSync(call));
  if (count < 0) throw new SyscallError(call, -count);
  const bytes = readCell(CONTROL);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { cmsg_level: level, cmsg_type: type } = CMSGHDR.fields;
  if (view.getInt32(level.offset, true) !== SOL_SOCKET) return [];
  if (view.getInt32(type.offset, true) !== SCM_RIGHTS) return [];
  const length = Number(view.getBigUint64(0, true));
  const fds: Fd[] = [];
  for (let at = CMSGHDR.size; at + 4 <= Math.min(length, CONTROL.size); at += 4) {
    fds.push(new Fd(view.getInt32(at, true)));
  }
  return fds;
}
