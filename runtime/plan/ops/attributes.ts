/** What a process hands on to its program besides ids and rights: limits, priorities, the execution domain. */
import {
  IOPRIO_CLASS_BE,
  IOPRIO_CLASS_IDLE,
  IOPRIO_CLASS_RT,
  IOPRIO_WHO_PROCESS,
  RESOURCES,
  RLIM_INFINITY,
} from "../../../ffi/abi/resource.ts";
import {
  SCHED_BATCH,
  SCHED_FIFO,
  SCHED_IDLE,
  SCHED_NORMAL,
  SCHED_RR,
} from "../../../ffi/abi/sched.ts";
import { O_CLOEXEC, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS } from "../../../ffi/abi/openat2.ts";
import { write } from "../../../ffi/calls/io.ts";
import { close, openat2 } from "../../../ffi/calls/open.ts";
import { showCall } from "../../../ffi/calls/call.ts";
import {
  ioprioSet,
  personality,
  prlimit64,
  schedSetaffinity,
  schedSetattr,
} from "../../../ffi/calls/resource.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { writeFile } from "./cgroup.ts";
import { ROOT } from "./root.ts";

export interface SetRlimit extends OpCommon {
  readonly kind: "rlimit";
  readonly resource: keyof typeof RESOURCES;
  readonly soft: number | "unlimited";
  readonly hard: number | "unlimited";
}

/** Set before the process gives up being traced: afterwards its file in /proc is root's of the machine. */
export interface SetOomScore extends OpCommon {
  readonly kind: "oom_score";
  readonly value: number;
}

export interface SetIoPriority extends OpCommon {
  readonly kind: "ioprio";
  readonly class: "realtime" | "best-effort" | "idle";
  readonly level: number;
}

export interface SetScheduler extends OpCommon {
  readonly kind: "scheduler";
  readonly policy: "other" | "batch" | "idle" | "fifo" | "rr";
  readonly nice: number;
  readonly priority: number;
}

export interface SetAffinity extends OpCommon {
  readonly kind: "affinity";
  readonly cpus: readonly number[];
}

export interface SetPersonality extends OpCommon {
  readonly kind: "personality";
  readonly persona: number;
}

/** A kernel parameter of one of the container's namespaces. */
export interface SetSysctl extends OpCommon {
  readonly kind: "sysctl";
  /** Below /proc/sys. */
  readonly path: string;
  readonly value: string;
}

const amount = (limit: number | "unlimited"): bigint =>
  limit === "unlimited" ? RLIM_INFINITY : BigInt(limit);

const rlimitCall = (op: SetRlimit) =>
  prlimit64({
    resource: RESOURCES[op.resource],
    soft: amount(op.soft),
    hard: amount(op.hard),
  });

export const rlimit: OpDefinition<SetRlimit> = {
  describe: (op) => showCall(rlimitCall(op)),
  lower: (op, to) => to.call(rlimitCall(op)),
};

export const oomScore: OpDefinition<SetOomScore> = {
  describe: (op) => `write("/proc/self/oom_score_adj", "${op.value}")`,
  lower: (op, to) => writeFile(to, { path: "/proc/self/oom_score_adj", text: `${op.value}` }),
};

const IO_CLASSES = {
  realtime: IOPRIO_CLASS_RT,
  "best-effort": IOPRIO_CLASS_BE,
  idle: IOPRIO_CLASS_IDLE,
} as const;

const ioprioCall = (op: SetIoPriority) =>
  ioprioSet({
    which: IOPRIO_WHO_PROCESS,
    who: 0,
    class: IO_CLASSES[op.class],
    // The idle class has no levels (block/ioprio.c, ioprio_check_cap).
    level: op.class === "idle" ? 0 : op.level,
  });

export const ioPriority: OpDefinition<SetIoPriority> = {
  describe: (op) => showCall(ioprioCall(op)),
  lower: (op, to) => to.call(ioprioCall(op)),
};

const POLICIES = {
  other: SCHED_NORMAL,
  batch: SCHED_BATCH,
  idle: SCHED_IDLE,
  fifo: SCHED_FIFO,
  rr: SCHED_RR,
} as const;

const schedulerCall = (op: SetScheduler) =>
  schedSetattr({ policy: POLICIES[op.policy], nice: op.nice, priority: op.priority });

export const scheduler: OpDefinition<SetScheduler> = {
  describe: (op) => showCall(schedulerCall(op)),
  lower: (op, to) => to.call(schedulerCall(op)),
};

export const affinity: OpDefinition<SetAffinity> = {
  describe: (op) => showCall(schedSetaffinity({ cpus: op.cpus })),
  lower: (op, to) => to.call(schedSetaffinity({ cpus: op.cpus })),
};

export const setPersonality: OpDefinition<SetPersonality> = {
  describe: (op) => showCall(personality({ persona: op.persona })),
  lower: (op, to) => to.call(personality({ persona: op.persona })),
};

export const sysctl: OpDefinition<SetSysctl> = {
  describe: (op) => `write(${quote(`/proc/sys/${op.path}`)}, ${quote(op.value)})`,
  lower(op, to) {
    to.call(
      openat2({
        dirfd: result(ROOT),
        pathname: `proc/sys/${op.path}`,
        flags: O_WRONLY | O_CLOEXEC,
        resolve: RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
      }),
      { into: "fd" },
    );
    to.call(write({ fd: result("fd"), buf: op.value }));
    to.call(close({ fd: result("fd") }), { onError: "continue" });
  },
};
