/**
 * Network interfaces as ioctl(2) sees them.
 *
 * Source: <linux/if.h>, <linux/sockios.h>; netdevice(7).
 */
import { defineStruct } from "./struct.ts";

// Flags of an interface.
export const IFF_UP = 0x1;
export const IFF_BROADCAST = 0x2;
export const IFF_DEBUG = 0x4;
export const IFF_LOOPBACK = 0x8;
export const IFF_POINTOPOINT = 0x10;
export const IFF_RUNNING = 0x40;
export const IFF_NOARP = 0x80;
export const IFF_PROMISC = 0x100;
export const IFF_ALLMULTI = 0x200;
export const IFF_MULTICAST = 0x1000;
/** Flags of an interface by name. */
export const INTERFACE_FLAGS = {
  IFF_UP,
  IFF_BROADCAST,
  IFF_DEBUG,
  IFF_LOOPBACK,
  IFF_POINTOPOINT,
  IFF_RUNNING,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_ALLMULTI,
  IFF_MULTICAST,
} as const;
export const IFNAMSIZ = 16;

/** struct ifreq, with the member of its union that SIOCSIFFLAGS reads. */
export const IFREQ_FLAGS = defineStruct({
  c: "struct ifreq",
  size: 40,
  fields: [
    ["ifr_name", { bytes: 16, align: 8 }],
    ["ifr_flags", "u16"],
    ["__rest", { bytes: 22, align: 1 }],
  ],
});
