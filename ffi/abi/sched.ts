/**
 * Making processes: clone flags (64 bits, so bigint), struct clone_args, struct rusage's neighbours of sched.h.
 *
 * Source: <linux/sched.h>, <linux/sched/types.h>; clone3(2), namespaces(7).
 */
import { defineStruct } from "./struct.ts";

// Namespaces. CLONE_NEWTIME works with unshare and clone3 only.
export const CLONE_NEWTIME = 0x80n;
export const CLONE_NEWNS = 0x20000n;
export const CLONE_NEWCGROUP = 0x2000000n;
export const CLONE_NEWUTS = 0x4000000n;
export const CLONE_NEWIPC = 0x8000000n;
export const CLONE_NEWUSER = 0x10000000n;
export const CLONE_NEWPID = 0x20000000n;
export const CLONE_NEWNET = 0x40000000n;
/** The eight namespaces by flag name. */
export const NAMESPACE_FLAGS = {
  CLONE_NEWTIME,
  CLONE_NEWNS,
  CLONE_NEWCGROUP,
  CLONE_NEWUTS,
  CLONE_NEWIPC,
  CLONE_NEWUSER,
  CLONE_NEWPID,
  CLONE_NEWNET,
} as const;

// What is shared and what is told.
export const CLONE_VM = 0x100n;
export const CLONE_FS = 0x200n;
export const CLONE_FILES = 0x400n;
export const CLONE_SIGHAND = 0x800n;
export const CLONE_PIDFD = 0x1000n;
export const CLONE_PTRACE = 0x2000n;
export const CLONE_VFORK = 0x4000n;
export const CLONE_PARENT = 0x8000n;
export const CLONE_THREAD = 0x10000n;
export const CLONE_SYSVSEM = 0x40000n;
export const CLONE_SETTLS = 0x80000n;
export const CLONE_PARENT_SETTID = 0x100000n;
export const CLONE_CHILD_CLEARTID = 0x200000n;
export const CLONE_UNTRACED = 0x800000n;
export const CLONE_CHILD_SETTID = 0x1000000n;
export const CLONE_IO = 0x80000000n;
/** Clone flags that are no namespaces, by name. */
export const CLONE_SHARE_FLAGS = {
  CLONE_VM,
  CLONE_FS,
  CLONE_FILES,
  CLONE_SIGHAND,
  CLONE_PIDFD,
  CLONE_PTRACE,
  CLONE_VFORK,
  CLONE_PARENT,
  CLONE_THREAD,
  CLONE_SYSVSEM,
  CLONE_SETTLS,
  CLONE_PARENT_SETTID,
  CLONE_CHILD_CLEARTID,
  CLONE_UNTRACED,
  CLONE_CHILD_SETTID,
  CLONE_IO,
} as const;

// clone3 only: above 32 bits.
export const CLONE_CLEAR_SIGHAND = 0x100000000n;
export const CLONE_INTO_CGROUP = 0x200000000n;
/** Clone flags that only clone3(2) takes, by name. */
export const CLONE3_FLAGS = {
  CLONE_CLEAR_SIGHAND,
  CLONE_INTO_CGROUP,
} as const;

// Schedulers.
export const SCHED_NORMAL = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const SCHED_BATCH = 3;
export const SCHED_IDLE = 5;
export const SCHED_DEADLINE = 6;
/** Scheduling policies by name. */
export const SCHEDULERS = {
  SCHED_NORMAL,
  SCHED_FIFO,
  SCHED_RR,
  SCHED_BATCH,
  SCHED_IDLE,
  SCHED_DEADLINE,
} as const;

/** Every clone flag by name. */
export const CLONE_FLAGS = { ...CLONE_SHARE_FLAGS, ...NAMESPACE_FLAGS, ...CLONE3_FLAGS } as const;

/** struct sched_attr, first version. */
export const SCHED_ATTR = defineStruct({
  c: "struct sched_attr",
  size: 48,
  fields: [
    ["size", "u32"],
    ["sched_policy", "u32"],
    ["sched_flags", "u64"],
    ["sched_nice", "i32"],
    ["sched_priority", "u32"],
    ["sched_runtime", "u64"],
    ["sched_deadline", "u64"],
    ["sched_period", "u64"],
  ],
});

/** struct clone_args, third version (with `cgroup`, Linux 5.7). */
export const CLONE_ARGS = defineStruct({
  c: "struct clone_args",
  size: 88,
  fields: [
    ["flags", "u64"],
    ["pidfd", "u64"],
    ["child_tid", "u64"],
    ["parent_tid", "u64"],
    ["exit_signal", "u64"],
    ["stack", "u64"],
    ["stack_size", "u64"],
    ["tls", "u64"],
    ["set_tid", "u64"],
    ["set_tid_size", "u64"],
    ["cgroup", "u64"],
  ],
});
