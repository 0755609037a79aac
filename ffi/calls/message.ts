/** Messages with descriptors: the header, its vector and its control part in one record. sendmsg(2), cmsg(3). */
import { CMSGHDR, IOVEC, MESSAGE_FLAGS, MSGHDR, SCM_RIGHTS, SOL_SOCKET } from "../abi/socket.ts";
import type { Bytes, Cell, Patch, Syscall, Word } from "./call.ts";
import { struct, syscall } from "./record.ts";
import { showArray, showFlags, showPointer, showStruct, showWord } from "./show.ts";

const align = (length: number): number => (length + 7) & ~7;

/** Bytes of the control buffer that holds `count` descriptors: CMSG_SPACE(4 * count). */
export function rightsSpace(count: number): number {
  return align(CMSGHDR.size) + align(4 * count);
}

/** A control message SCM_RIGHTS with these descriptors. */
function rights(fds: readonly Word[]): Bytes {
  const bytes = new Uint8Array(rightsSpace(fds.length));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(CMSGHDR.size + 4 * fds.length), true);
  view.setInt32(CMSGHDR.fields.cmsg_level.offset, SOL_SOCKET, true);
  view.setInt32(CMSGHDR.fields.cmsg_type.offset, SCM_RIGHTS, true);
  const patches: Patch[] = [];
  fds.forEach((fd, index) => {
    const offset = CMSGHDR.size + 4 * index;
    if (typeof fd === "number") view.setInt32(offset, fd, true);
    else patches.push({ offset, width: 4, word: fd });
  });
  return { bytes, patches };
}

/**
 * `sendmsg(2)`: sends `buf`, and copies of the descriptors `fds` with it (SCM_RIGHTS; unix sockets only).
 *
 * Header  include/linux/socket.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  EPIPE         the other end is closed
 *         ETOOMANYREFS  as many descriptors are on their way as the user may have
 * @see https://man7.org/linux/man-pages/man2/sendmsg.2.html
 */
export function sendmsg(
  args: {
    sockfd: Word;
    buf: Uint8Array | Cell;
    fds?: readonly Word[];
    flags?: number;
  },
): Syscall {
  const { sockfd, fds = [], flags = 0 } = args;
  const buf = args.buf instanceof Uint8Array ? { bytes: args.buf } : args.buf;
  const length = "bytes" in buf ? buf.bytes.length : buf.size - (buf.offset ?? 0);
  const control = fds.length === 0 ? undefined : rights(fds);
  return syscall("sendmsg", {
    words: [sockfd, header({ buf, length, control, space: control?.bytes.length ?? 0 }), flags],
    text: () => [
      showWord(sockfd),
      showHeader({
        buf,
        length,
        control: control && showArray([
          showStruct({
            cmsg_len: String(CMSGHDR.size + 4 * fds.length),
            cmsg_level: "SOL_SOCKET",
            cmsg_type: "SCM_RIGHTS",
            cmsg_data: showArray(fds.map(showWord)),
          }),
        ]),
        space: control?.bytes.length ?? 0,
      }),
      showFlags(flags, MESSAGE_FLAGS),
    ],
  });
}

/**
 * `recvmsg(2)`: takes one message into `buf` and its control messages into `control`; the result is the length of the
 * first. Descriptors that come are close-on-exec with MSG_CMSG_CLOEXEC.
 *
 * Header  include/linux/socket.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  EAGAIN  nothing is there and waiting is not wanted
 *         EINTR   a signal came
 * @see https://man7.org/linux/man-pages/man2/recvmsg.2.html
 */
export function recvmsg(
  args: { sockfd: Word; buf: Cell; control?: Cell; flags?: number },
): Syscall {
  const { sockfd, buf, control, flags = 0 } = args;
  const length = buf.size - (buf.offset ?? 0);
  const space = control === undefined ? 0 : control.size - (control.offset ?? 0);
  return syscall("recvmsg", {
    words: [sockfd, header({ buf, length, control, space }), flags],
    text: () => [
      showWord(sockfd),
      showHeader({ buf, length, control: control && showPointer(control), space }),
      showFlags(flags, MESSAGE_FLAGS),
    ],
  });
}

/**
 * `recvmsg(2)` by a header in the program's own memory (56 bytes), which `messageHeader` fills: the kernel writes lengths
 * back into it, so a program that receives again fills it anew.
 *
 * Header  include/linux/socket.h
 * Since   Linux 2.0
 * Needs   nothing
 * Errors  as recvmsg
 * @see https://man7.org/linux/man-pages/man2/recvmsg.2.html
 */
export function recvmsgInto(args: { sockfd: Word; header: Cell; flags: number }): Syscall {
  const { sockfd, header, flags } = args;
  return syscall("recvmsg", {
    words: [sockfd, header, flags],
    text: () => [showWord(sockfd), showPointer(header), showFlags(flags, MESSAGE_FLAGS)],
  });
}

/** What fills a message header: one 64-bit store each. */
export function messageHeader(
  parts: {
    readonly header: Cell;
    readonly vector: Cell;
    readonly buf: Cell;
    readonly control: Cell;
  },
): readonly { readonly address: Cell; readonly value: Word }[] {
  const { header, vector, buf, control } = parts;
  const of = (field: keyof typeof MSGHDR.fields): Cell => ({
    ...header,
    offset: MSGHDR.fields[field].offset,
  });
  return [
    { address: { ...vector, offset: IOVEC.fields.iov_base.offset }, value: buf },
    { address: { ...vector, offset: IOVEC.fields.iov_len.offset }, value: buf.size },
    { address: of("msg_iov"), value: vector },
    { address: of("msg_iovlen"), value: 1 },
    { address: of("msg_control"), value: control },
    { address: of("msg_controllen"), value: control.size },
  ];
}

interface Message {
  readonly buf: Bytes | Cell;
  readonly length: number;
  readonly control: Bytes | Cell | undefined;
  readonly space: number;
}

function header(message: Message): Bytes {
  return struct(MSGHDR, {
    msg_iov: struct(IOVEC, { iov_base: message.buf, iov_len: message.length }),
    msg_iovlen: 1,
    ...(message.control === undefined ? {} : { msg_control: message.control }),
    msg_controllen: message.space,
  });
}

function showHeader(
  message: Omit<Message, "control"> & { readonly control: string | undefined },
): string {
  return showStruct({
    msg_name: "NULL",
    msg_namelen: "0",
    msg_iov: showArray([
      showStruct({ iov_base: showPointer(message.buf), iov_len: String(message.length) }),
    ]),
    msg_iovlen: "1",
    msg_control: message.control,
    msg_controllen: String(message.space),
    msg_flags: "0",
  });
}
