/**
 * Waiting for descriptors.
 *
 * Source: <asm-generic/poll.h>; poll(2).
 */
import { defineStruct } from "./struct.ts";
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLRDBAND = 0x80;
export const POLLWRNORM = 0x100;
export const POLLWRBAND = 0x200;
export const POLLRDHUP = 0x2000;
/** Events by name. */
export const POLL_EVENTS = {
  POLLIN,
  POLLPRI,
  POLLOUT,
  POLLERR,
  POLLHUP,
  POLLNVAL,
  POLLRDNORM,
  POLLRDBAND,
  POLLWRNORM,
  POLLWRBAND,
  POLLRDHUP,
} as const;

/** struct pollfd */
export const POLLFD = defineStruct({
  c: "struct pollfd",
  size: 8,
  fields: [
    ["fd", "i32"],
    ["events", "u16"],
    ["revents", "u16"],
  ],
});
