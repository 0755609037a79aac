/**
 * Sockets and their messages.
 *
 * Source: <linux/socket.h>, <asm-generic/socket.h>, <linux/un.h>, <linux/in.h>; socket(2), unix(7), cmsg(3).
 */
import { defineStruct } from "./struct.ts";

// Address families.
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const AF_VSOCK = 40;
/** Address families by name. */
export const ADDRESS_FAMILIES = {
  AF_UNSPEC,
  AF_UNIX,
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_VSOCK,
} as const;

// Socket types and the flags that go with them.
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
/** Socket types by name. */
export const SOCKET_TYPES = {
  SOCK_STREAM,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
} as const;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
/** Flags that socket(2) takes with the type, by name. */
export const SOCKET_TYPE_FLAGS = {
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} as const;

// Messages.
export const MSG_OOB = 0x1;
export const MSG_PEEK = 0x2;
export const MSG_CTRUNC = 0x8;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_EOR = 0x80;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_CMSG_CLOEXEC = 0x40000000;
/** Flags of sendmsg(2) and recvmsg(2) by name. */
export const MESSAGE_FLAGS = {
  MSG_OOB,
  MSG_PEEK,
  MSG_CTRUNC,
  MSG_TRUNC,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_WAITALL,
  MSG_NOSIGNAL,
  MSG_CMSG_CLOEXEC,
} as const;

// Options.
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_PASSCRED = 16;
export const SO_PEERCRED = 17;
export const SO_ACCEPTCONN = 30;
export const SO_DOMAIN = 39;
export const SO_PROTOCOL = 38;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;

/** Options of SOL_SOCKET by name. */
export const SOCKET_OPTIONS = {
  SO_REUSEADDR,
  SO_TYPE,
  SO_ERROR,
  SO_SNDBUF,
  SO_RCVBUF,
  SO_KEEPALIVE,
  SO_PASSCRED,
  SO_PEERCRED,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_PROTOCOL,
  SO_SNDBUFFORCE,
  SO_RCVBUFFORCE,
} as const;

// Control messages of SOL_SOCKET.
export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;
export const SCM_PIDFD = 4;

// shutdown(2).
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

// Internet protocols.
export const IPPROTO_IP = 0;
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_ICMPV6 = 58;
/** Internet protocols by name. */
export const IP_PROTOCOLS = {
  IPPROTO_IP,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_IPV6,
  IPPROTO_ICMPV6,
} as const;

// Netlink protocols.
export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_AUDIT = 9;
export const NETLINK_NETFILTER = 12;
export const NETLINK_KOBJECT_UEVENT = 15;
export const NETLINK_GENERIC = 16;
/** Netlink protocols by name. */
export const NETLINK_PROTOCOLS = {
  NETLINK_ROUTE,
  NETLINK_SOCK_DIAG,
  NETLINK_AUDIT,
  NETLINK_NETFILTER,
  NETLINK_KOBJECT_UEVENT,
  NETLINK_GENERIC,
} as const;

/** struct msghdr */
export const MSGHDR = defineStruct({
  c: "struct msghdr",
  size: 56,
  fields: [
    ["msg_name", "u64"],
    ["msg_namelen", "u32"],
    ["msg_iov", "u64"],
    ["msg_iovlen", "u64"],
    ["msg_control", "u64"],
    ["msg_controllen", "u64"],
    ["msg_flags", "i32"],
  ],
});

/** struct iovec */
export const IOVEC = defineStruct({
  c: "struct iovec",
  size: 16,
  fields: [
    ["iov_base", "u64"],
    ["iov_len", "u64"],
  ],
});

/** struct cmsghdr; the data follows. */
export const CMSGHDR = defineStruct({
  c: "struct cmsghdr",
  size: 16,
  fields: [
    ["cmsg_len", "u64"],
    ["cmsg_level", "i32"],
    ["cmsg_type", "i32"],
  ],
});

/** struct sockaddr_un */
export const SOCKADDR_UN = defineStruct({
  c: "struct sockaddr_un",
  size: 110,
  fields: [
    ["sun_family", "u16"],
    ["sun_path", { bytes: 108, align: 1 }],
  ],
});

/** struct sockaddr_nl */
/** struct sockaddr_in, <linux/in.h>. Port and address are big-endian. */
export const SOCKADDR_IN = defineStruct({
  c: "struct sockaddr_in",
  size: 16,
  fields: [
    ["sin_family", "u16"],
    ["sin_port", { bytes: 2, align: 2 }],
    ["sin_addr", { bytes: 4, align: 4 }],
    ["sin_zero", { bytes: 8, align: 1 }],
  ],
});

/** struct sockaddr_in6, <linux/in6.h>. Port and address are big-endian. */
export const SOCKADDR_IN6 = defineStruct({
  c: "struct sockaddr_in6",
  size: 28,
  fields: [
    ["sin6_family", "u16"],
    ["sin6_port", { bytes: 2, align: 2 }],
    ["sin6_flowinfo", "u32"],
    ["sin6_addr", { bytes: 16, align: 1 }],
    ["sin6_scope_id", "u32"],
  ],
});

export const SOCKADDR_NL = defineStruct({
  c: "struct sockaddr_nl",
  size: 12,
  fields: [
    ["nl_family", "u16"],
    ["nl_pad", "u16"],
    ["nl_pid", "u32"],
    ["nl_groups", "u32"],
  ],
});

/** struct ucred: who is at the other end, as it was when it connected. */
export const UCRED = defineStruct({
  c: "struct ucred",
  size: 12,
  fields: [
    ["pid", "i32"],
    ["uid", "u32"],
    ["gid", "u32"],
  ],
});
