/**
 * Capabilities and their sets.
 *
 * Source: <linux/capability.h>; capabilities(7), capset(2).
 */
import { defineStruct } from "./struct.ts";

/** Capability names without `CAP_` and their bits. */
export const CAPABILITIES = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  LINUX_IMMUTABLE: 9,
  NET_BIND_SERVICE: 10,
  NET_BROADCAST: 11,
  NET_ADMIN: 12,
  NET_RAW: 13,
  IPC_LOCK: 14,
  IPC_OWNER: 15,
  SYS_MODULE: 16,
  SYS_RAWIO: 17,
  SYS_CHROOT: 18,
  SYS_PTRACE: 19,
  SYS_PACCT: 20,
  SYS_ADMIN: 21,
  SYS_BOOT: 22,
  SYS_NICE: 23,
  SYS_RESOURCE: 24,
  SYS_TIME: 25,
  SYS_TTY_CONFIG: 26,
  MKNOD: 27,
  LEASE: 28,
  AUDIT_WRITE: 29,
  AUDIT_CONTROL: 30,
  SETFCAP: 31,
  MAC_OVERRIDE: 32,
  MAC_ADMIN: 33,
  SYSLOG: 34,
  WAKE_ALARM: 35,
  BLOCK_SUSPEND: 36,
  AUDIT_READ: 37,
  PERFMON: 38,
  BPF: 39,
  CHECKPOINT_RESTORE: 40,
} as const;

/** A capability's name without `CAP_`. */
export type Capability = keyof typeof CAPABILITIES;

/** The newest bit that this table knows; the kernel's own is in /proc/sys/kernel/cap_last_cap. */
export const CAP_LAST_CAP = CAPABILITIES.CHECKPOINT_RESTORE;

export const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** struct __user_cap_header_struct */
export const CAP_HEADER = defineStruct({
  c: "struct __user_cap_header_struct",
  size: 8,
  fields: [
    ["version", "u32"],
    ["pid", "i32"],
  ],
});

/** struct __user_cap_data_struct; version 3 has two, the low 32 capabilities first. */
export const CAP_DATA = defineStruct({
  c: "struct __user_cap_data_struct",
  size: 12,
  fields: [
    ["effective", "u32"],
    ["permitted", "u32"],
    ["inheritable", "u32"],
  ],
});

/** The set of `names` as a mask; bit 40 is CHECKPOINT_RESTORE, so it is a bigint. */
export function capabilityMask(names: readonly Capability[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(CAPABILITIES[name])), 0n);
}

/** The names of a mask's known bits, lowest first. */
export function capabilityNames(mask: bigint): Capability[] {
  return (Object.keys(CAPABILITIES) as Capability[])
    .filter((name) => (mask >> BigInt(CAPABILITIES[name])) & 1n);
}
