/** Sockets and messages. socket(2), sendmsg(2), unix(7). */
import {
  ADDRESS_FAMILIES,
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  IP_PROTOCOLS,
  MESSAGE_FLAGS,
  NETLINK_PROTOCOLS,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  SOCKADDR_UN,
  SOCKET_OPTIONS,
  SOCKET_TYPE_FLAGS,
  SOCKET_TYPES,
  SOL_SOCKET,
} from "../abi/socket.ts";
import { cstr } from "../abi/text.ts";
import type { Bytes, Cell, ResultOf, Syscall, Word } from "./call.ts";
import { isBytes, NULL, struct, syscall } from "./record.ts";
import { showBuffer, showFlags, showName, showPointer, showWord } from "./show.ts";

export * from "./message.ts";

const FLAGS_OF_TYPE = SOCKET_TYPE_FLAGS.SOCK_CLOEXEC | SOCKET_TYPE_FLAGS.SOCK_NONBLOCK;

function showType(type: number): string {
  const name = showName(type & ~FLAGS_OF_TYPE, SOCKET_TYPES);
  const flags = type & FLAGS_OF_TYPE;
  return flags === 0 ? name : `${name}|${showFlags(flags, SOCKET_TYPE_FLAGS)}`;
}

function showProtocol(domain: number, protocol: number): string {
  if (domain === AF_INET || domain === AF_INET6) return showName(protocol, IP_PROTOCOLS);
  if (domain === AF_NETLINK) return showName(protocol, NETLINK_PROTOCOLS);
  return String(protocol);
}

/**
 * `socket(2)`: a socket; the result is its descriptor.
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   CAP_NET_RAW for SOCK_RAW of the internet families
 * Errors  EAFNOSUPPORT  the kernel has no such family
 *         EPROTONOSUPPORT  the family has no such type or protocol
 * @see https://man7.org/linux/man-pages/man2/socket.2.html
 */
export function socket(args: { domain: number; type: number; protocol: number }): Syscall {
  const { domain, type, protocol } = args;
  return syscall("socket", {
    words: [domain, type, protocol],
    text: () => [
      showName(domain, ADDRESS_FAMILIES),
      showType(type),
      showProtocol(domain, protocol),
    ],
  });
}

/**
 * `socketpair(2)`: two sockets that are connected; `sv` takes their descriptors (4 bytes each).
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EOPNOTSUPP  the family has no pairs
 *         EMFILE      too many descriptors
 * @see https://man7.org/linux/man-pages/man2/socketpair.2.html
 */
export function socketpair(
  args: { domain: number; type: number; protocol: number; sv: Cell },
): Syscall {
  const { domain, type, protocol, sv } = args;
  return syscall("socketpair", {
    words: [domain, type, protocol, sv],
    text: () => [
      showName(domain, ADDRESS_FAMILIES),
      showType(type),
      showProtocol(domain, protocol),
      showPointer(sv),
    ],
  });
}

/** Address of a unix socket: a path of at most 107 bytes, or after "@" an abstract name. */
export function unixAddress(path: string): Bytes {
  const name = cstr(path);
  const abstract = path.startsWith("@");
  // An abstract name begins with a NUL and has no end mark: its length is that of the address.
  const bytes = abstract ? name.subarray(0, -1) : name;
  if (bytes.length > SOCKADDR_UN.size - 2) {
    throw new RangeError(`a unix socket's path has at most 107 bytes: ${path}`);
  }
  const whole = struct(SOCKADDR_UN, { sun_family: AF_UNIX, sun_path: bytes }).bytes;
  if (abstract) whole[2] = 0;
  return { bytes: whole.subarray(0, 2 + bytes.length) };
}

/** Address of a TCP port on the loopback of the namespace: 127.0.0.1, or ::1. */
export function loopbackAddress(args: { family: "inet" | "inet6"; port: number }): Bytes {
  const { family, port } = args;
  const bigEndian = Uint8Array.of(port >> 8, port & 0xff);
  return family === "inet"
    ? struct(SOCKADDR_IN, {
      sin_family: AF_INET,
      sin_port: bigEndian,
      sin_addr: Uint8Array.of(127, 0, 0, 1),
    })
    : struct(SOCKADDR_IN6, {
      sin6_family: AF_INET6,
      sin6_port: bigEndian,
      sin6_addr: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    });
}

function showAddress(address: Word): string {
  if (!isBytes(address) || address.bytes[0] !== AF_UNIX) return showPointer(address);
  const path = address.bytes.subarray(2);
  if (path[0] === 0) return `{sa_family=AF_UNIX, sun_path=@${showBuffer(path.subarray(1))}}`;
  return `{sa_family=AF_UNIX, sun_path=${showBuffer(path.subarray(0, -1))}}`;
}

interface AddressArguments {
  readonly sockfd: Word;
  readonly addr: Bytes | Cell;
  /** Bytes of the address; those of `addr` when it is constant. */
  readonly addrlen?: Word;
}

function withAddress(name: string, args: AddressArguments): Syscall {
  const { sockfd, addr } = args;
  const addrlen = args.addrlen ?? (isBytes(addr) ? addr.bytes.length : addr.size);
  return syscall(name, {
    words: [sockfd, addr, addrlen],
    text: () => [showWord(sockfd), showAddress(addr), showWord(addrlen)],
  });
}

/**
 * `connect(2)`: connects a socket to an address (`unixAddress`, or a struct of another family).
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   write permission on a unix socket's path
 * Errors  ECONNREFUSED  nobody listens
 *         ENOENT        no such path
 * @see https://man7.org/linux/man-pages/man2/connect.2.html
 */
export function connect(args: { sockfd: Word; addr: Bytes | Cell; addrlen?: Word }): Syscall {
  return withAddress("connect", args);
}

/**
 * `bind(2)`: gives a socket its address.
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   CAP_NET_BIND_SERVICE for ports below 1024
 * Errors  EADDRINUSE  it has an owner, or the path is there
 *         EACCES      a port that needs the capability, or no permission on the directory
 * @see https://man7.org/linux/man-pages/man2/bind.2.html
 */
export function bind(args: { sockfd: Word; addr: Bytes | Cell; addrlen?: Word }): Syscall {
  return withAddress("bind", args);
}

/**
 * `listen(2)`: makes a bound socket take connections.
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EADDRINUSE  someone listens there already
 * @see https://man7.org/linux/man-pages/man2/listen.2.html
 */
export function listen(args: { sockfd: Word; backlog: number }): Syscall {
  const { sockfd, backlog } = args;
  return syscall("listen", {
    words: [sockfd, backlog],
    text: () => [showWord(sockfd), String(backlog)],
  });
}

/**
 * `accept4(2)`: takes the next connection of a listening socket; the result is its descriptor.
 *
 * Header  include/linux/socket.h
 * Since   Linux 2.6.28
 * Needs   nothing
 * Errors  EAGAIN  nobody has connected and the socket does not wait
 *         EMFILE  too many descriptors
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export function accept4(args: { sockfd: Word; flags: number }): Syscall {
  const { sockfd, flags } = args;
  return syscall("accept4", {
    words: [sockfd, NULL, NULL, flags],
    text: () => [showWord(sockfd), "NULL", "NULL", showFlags(flags, SOCKET_TYPE_FLAGS)],
  });
}

/**
 * `getsockopt(2)` of SOL_SOCKET: the option's value into `optval`; `optlen` (4 bytes) holds its room before and its length
 * after.
 *
 * Header  include/uapi/asm-generic/socket.h
 * Since   Linux 1.0 (SO_PEERCRED 2.0)
 * Needs   nothing
 * Errors  ENOPROTOOPT  no such option
 * @see https://man7.org/linux/man-pages/man2/getsockopt.2.html
 */
export function getsockopt(
  args: { sockfd: Word; optname: number; optval: Cell; optlen: Cell },
): Syscall {
  const { sockfd, optname, optval, optlen } = args;
  return syscall("getsockopt", {
    words: [sockfd, SOL_SOCKET, optname, optval, optlen],
    text: () => [
      showWord(sockfd),
      "SOL_SOCKET",
      showName(optname, SOCKET_OPTIONS),
      showPointer(optval),
      showPointer(optlen),
    ],
  });
}

interface BufferArguments {
  readonly sockfd: Word;
  readonly buf: Uint8Array | Bytes | Cell | ResultOf;
  readonly len?: Word;
  readonly flags?: number;
  readonly address?: Word;
  readonly addrlen?: Word;
}

function withBuffer(name: string, args: BufferArguments): Syscall {
  const { sockfd, flags = 0, address = NULL, addrlen = 0 } = args;
  const buf = args.buf instanceof Uint8Array ? { bytes: args.buf } : args.buf;
  const len = args.len ?? lengthOf(buf);
  return syscall(name, {
    words: [sockfd, buf, len, flags, address, addrlen],
    text: () => [
      showWord(sockfd),
      showPointer(buf),
      showWord(len),
      showFlags(flags, MESSAGE_FLAGS),
      showAddress(address),
      // The length is a number to send to, an address to receive from.
      name === "recvfrom" ? showPointer(addrlen) : showWord(addrlen),
    ],
  });
}

function lengthOf(buf: Bytes | Cell | ResultOf): number {
  if ("result" in buf) {
    throw new RangeError("memory at a result's address has no length of its own");
  }
  return "bytes" in buf ? buf.bytes.length : buf.size - (buf.offset ?? 0);
}

/**
 * `sendto(2)`: sends one message, to `destAddr` where the socket is not connected.
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EPIPE     the other end is closed (SIGPIPE too, unless MSG_NOSIGNAL)
 *         EMSGSIZE  too long for one message
 * @see https://man7.org/linux/man-pages/man2/sendto.2.html
 */
export function sendto(
  args: {
    sockfd: Word;
    buf: Uint8Array | Bytes | Cell;
    len?: Word;
    flags?: number;
    destAddr?: Bytes | Cell;
    addrlen?: Word;
  },
): Syscall {
  const { destAddr, ...rest } = args;
  if (destAddr === undefined) return withBuffer("sendto", rest);
  const own = isBytes(destAddr) ? destAddr.bytes.length : destAddr.size;
  return withBuffer("sendto", { ...rest, address: destAddr, addrlen: args.addrlen ?? own });
}

/**
 * `recvfrom(2)`: takes one message; the result is its length, 0 at the end of a stream.
 *
 * Header  include/linux/socket.h
 * Since   Linux 1.0
 * Needs   nothing
 * Errors  EAGAIN  nothing is there and waiting is not wanted
 * @see https://man7.org/linux/man-pages/man2/recvfrom.2.html
 */
export function recvfrom(
  args: {
    sockfd: Word;
    buf: Cell | ResultOf;
    len?: Word;
    flags?: number;
    srcAddr?: Cell;
    addrlen?: Cell;
  },
): Syscall {
  const { srcAddr = NULL, addrlen = NULL, ...rest } = args;
  return withBuffer("recvfrom", { ...rest, address: srcAddr, addrlen });
}
