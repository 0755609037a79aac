/**
 * Waiting for many descriptors.
 *
 * Source: <linux/eventpoll.h>; epoll(7).
 */
import { defineStruct } from "./struct.ts";

export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
/** Events by name. */
export const EPOLL_EVENTS = {
  EPOLLIN,
  EPOLLOUT,
  EPOLLERR,
  EPOLLHUP,
} as const;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
/** Second argument of epoll_ctl(2) by name. */
export const EPOLL_OPERATIONS = {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
} as const;

export const EPOLL_CLOEXEC = 0o2000000;
/** Flags of epoll_create1(2) by name. */
export const EPOLL_FLAGS = { EPOLL_CLOEXEC } as const;

/** struct epoll_event of x86_64, which is packed (EPOLL_PACKED). */
export const EPOLL_EVENT_PACKED = defineStruct({
  c: "struct epoll_event",
  size: 12,
  packed: true,
  fields: [
    ["events", "u32"],
    ["data", "u64"],
  ],
});

/** struct epoll_event of every other architecture. */
export const EPOLL_EVENT = defineStruct({
  c: "struct epoll_event",
  size: 16,
  fields: [
    ["events", "u32"],
    ["data", "u64"],
  ],
});
