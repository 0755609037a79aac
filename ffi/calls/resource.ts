/** Limits and priorities of processes. prlimit(2), sched_setaffinity(2), setpriority(2), ioprio_set(2), personality(2). */
import { PERSONALITY_FLAGS } from "../abi/personality.ts";
import {
  IOPRIO_CLASS_SHIFT,
  IOPRIO_CLASSES,
  IOPRIO_WHO,
  PRIORITY_WHICH,
  RESOURCES,
  RLIM_INFINITY,
  RLIMIT64,
} from "../abi/resource.ts";
import { SCHED_ATTR, SCHEDULERS } from "../abi/sched.ts";
import type { Cell, Syscall, Word } from "./call.ts";
import { NULL, struct, syscall } from "./record.ts";
import { showFlags, showName, showPointer, showStruct, showWord } from "./show.ts";

/** strace writes a multiple of 1024 as a product. */
function showLimit(value: bigint): string {
  if (value === RLIM_INFINITY) return "RLIM64_INFINITY";
  return value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : String(value);
}

/**
 * `prlimit64(2)`: sets one resource limit of a process (0: of the caller), or with neither `soft` nor `hard` asks for it
 * into `oldLimit` (16 bytes).
 *
 * Header  include/uapi/linux/resource.h
 * Since   Linux 2.6.36
 * Needs   CAP_SYS_RESOURCE in the first user namespace to raise a hard limit; for other users' processes too
 * Errors  EPERM   no CAP_SYS_RESOURCE, or RLIMIT_NOFILE above /proc/sys/fs/nr_open
 *         EINVAL  soft is above hard
 * @see https://man7.org/linux/man-pages/man2/prlimit.2.html
 */
export function prlimit64(
  args: {
    pid?: Word;
    resource: number;
    soft?: number | bigint;
    hard?: number | bigint;
    /** In place of soft and hard: memory that holds both (16 bytes). */
    limit?: Cell;
    oldLimit?: Cell;
  },
): Syscall {
  const { pid = 0, resource, soft, hard, oldLimit = NULL } = args;
  if ((soft === undefined) !== (hard === undefined)) {
    throw new RangeError("prlimit64: soft and hard go together");
  }
  const limit = soft === undefined || hard === undefined
    ? undefined
    : { soft: BigInt(soft), hard: BigInt(hard) };
  const held = args.limit ?? NULL;
  return syscall("prlimit64", {
    words: [
      pid,
      resource,
      limit ? struct(RLIMIT64, { rlim_cur: limit.soft, rlim_max: limit.hard }) : held,
      oldLimit,
    ],
    text: () => [
      showWord(pid),
      showName(resource, RESOURCES),
      limit
        ? showStruct({ rlim_cur: showLimit(limit.soft), rlim_max: showLimit(limit.hard) })
        : showPointer(held),
      showPointer(oldLimit),
    ],
  });
}

/**
 * `sched_setaffinity(2)`: the CPUs on which a thread (0: the caller) may run.
 *
 * Header  include/linux/syscalls.h
 * Since   Linux 2.5.8
 * Needs   the same user, or CAP_SYS_NICE
 * Errors  EINVAL  none of the CPUs is there, or permitted by the cpuset
 * @see https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html
 */
export function schedSetaffinity(args: { pid?: Word; cpus: readonly number[] }): Syscall {
  const { pid = 0, cpus } = args;
  const highest = Math.max(0, ...cpus);
  if (!cpus.every((cpu) => Number.isInteger(cpu) && cpu >= 0 && cpu < 8192)) {
    throw new RangeError(`no such CPU in [${cpus.join(", ")}]`);
  }
  // The kernel reads whole 64-bit words.
  const mask = new Uint8Array((Math.floor(highest / 64) + 1) * 8);
  for (const cpu of cpus) {
    const byte = Math.floor(cpu / 8);
    mask[byte] = (mask[byte] ?? 0) | (1 << (cpu % 8));
  }
  const sorted = [...new Set(cpus)].sort((a, b) => a - b);
  return syscall("sched_setaffinity", {
    words: [pid, mask.length, { bytes: mask }],
    text: () => [showWord(pid), String(mask.length), `[${sorted.join(" ")}]`],
  });
}

/**
 * `sched_setattr(2)`: the scheduling policy of a thread (0: the caller), with its niceness or its real-time priority.
 *
 * Header  include/uapi/linux/sched/types.h
 * Since   Linux 3.14
 * Needs   CAP_SYS_NICE for a real-time policy and to lower the niceness (or RLIMIT_RTPRIO, RLIMIT_NICE)
 * Errors  EPERM   no CAP_SYS_NICE, or the control group has no real-time runtime
 *         EINVAL  a priority that the policy does not have
 * @see https://man7.org/linux/man-pages/man2/sched_setattr.2.html
 */
export function schedSetattr(
  args: { pid?: Word; policy: number; nice: number; priority: number },
): Syscall {
  const { pid = 0, policy, nice, priority } = args;
  const attr = struct(SCHED_ATTR, {
    size: SCHED_ATTR.size,
    sched_policy: policy,
    sched_nice: nice,
    sched_priority: priority,
  });
  return syscall("sched_setattr", {
    words: [pid, attr, 0],
    text: () => [
      showWord(pid),
      showStruct({
        size: String(SCHED_ATTR.size),
        sched_policy: showName(policy, SCHEDULERS),
        sched_flags: "0",
        sched_nice: String(nice),
        sched_priority: String(priority),
        sched_runtime: "0",
        sched_deadline: "0",
        sched_period: "0",
      }),
      "0",
    ],
  });
}

/**
 * `setpriority(2)`: niceness, -20 (first) to 19 (last).
 *
 * Header  include/uapi/linux/resource.h
 * Since   Linux 1.0
 * Needs   CAP_SYS_NICE to go below the present value (or RLIMIT_NICE)
 * Errors  EACCES  no CAP_SYS_NICE
 *         EPERM   another user's process
 * @see https://man7.org/linux/man-pages/man2/setpriority.2.html
 */
export function setpriority(args: { which: number; who: Word; prio: number }): Syscall {
  const { which, who, prio } = args;
  return syscall("setpriority", {
    words: [which, who, prio],
    text: () => [showName(which, PRIORITY_WHICH), showWord(who), String(prio)],
  });
}

/**
 * `ioprio_set(2)`: class and level (0 first, 7 last) of disk access.
 *
 * Header  include/uapi/linux/ioprio.h
 * Since   Linux 2.6.13
 * Needs   CAP_SYS_NICE or CAP_SYS_ADMIN for IOPRIO_CLASS_RT
 * Errors  EINVAL  no such class or level
 *         EPERM   the class needs the capability
 * @see https://man7.org/linux/man-pages/man2/ioprio_set.2.html
 */
export function ioprioSet(
  args: { which: number; who: Word; class: number; level: number },
): Syscall {
  const { which, who, level } = args;
  return syscall("ioprio_set", {
    words: [which, who, (args.class << IOPRIO_CLASS_SHIFT) | level],
    text: () => [
      showName(which, IOPRIO_WHO),
      showWord(who),
      `IOPRIO_PRIO_VALUE(${showName(args.class, IOPRIO_CLASSES)}, ${level})`,
    ],
  });
}

/**
 * `personality(2)`: the execution domain; 0xffffffff only asks. The result is the one of before.
 *
 * Header  include/uapi/linux/personality.h
 * Since   Linux 1.1.20
 * Needs   nothing
 * Errors  EINVAL  the kernel can't
 * @see https://man7.org/linux/man-pages/man2/personality.2.html
 */
export function personality(args: { persona: number }): Syscall {
  const { persona } = args;
  const domain = (persona & 0xff) === 0 ? "PER_LINUX" : (persona & 0xff) === 8 ? "PER_LINUX32" : "";
  const flags = (persona & ~0xff) >>> 0;
  return syscall("personality", {
    words: [persona],
    text: () => {
      if (persona === 0xffffffff || domain === "") return [`0x${persona.toString(16)}`];
      return [flags === 0 ? domain : `${domain}|${showFlags(flags, PERSONALITY_FLAGS)}`];
    },
  });
}
