import { ADDR_NO_RANDOMIZE, PER_LINUX, PER_LINUX32 } from "../../ffi/abi/personality.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import { CPU_LIST, readCpus } from "./cpus.ts";
import type { DesiredProcess } from "./desired.ts";
import { byType, list, map, type Schema } from "./fragment.ts";
import type { PersonalitySpec, ProcessSpec } from "./spec_type.ts";
import { MAX_ID } from "./user.ts";

/** What a shell of root has, and most distributions give their users. */
const DEFAULT_UMASK = 0o022;
/** NGROUPS_MAX is 65536 (include/uapi/linux/limits.h); a list in YAML has a few. */
const MAX_GROUPS = 1024;

const integer = (minimum: number, maximum: number): Schema => ({
  type: "integer",
  minimum,
  maximum,
  "x-expects": `a whole number from ${minimum} to ${maximum}`,
});

const SCHEDULER: Schema = map({
  policy: { enum: ["other", "batch", "idle", "fifo", "rr"], default: "other" },
  nice: integer(-20, 19),
  priority: integer(1, 99),
}, {
  title: "Scheduler",
  description:
    "sched(7): `other`, `batch` and `idle` take `nice`; `fifo` and `rr` are real-time and take `priority`, 1 to 99. To be favoured takes CAP_SYS_NICE.",
  minProperties: 1,
  examples: [{ policy: "batch", nice: 5 }],
  "x-expects": "a map such as {policy: batch, nice: 5}",
});

const PERSONALITY: Schema = byType({
  string: { enum: ["linux", "linux32"] },
  object: map({
    domain: { enum: ["linux", "linux32"], default: "linux" },
    randomize: { type: "boolean", default: true, "x-expects": "true or false" },
  }, { minProperties: 1 }),
}, {
  title: "Personality",
  description:
    "personality(2): `linux32` lets uname(2) say that the machine has 32 bits; `randomize: false` puts memory at the same addresses each time.",
  examples: ["linux32", { randomize: false }],
  "x-expects": "linux32, or a map such as {randomize: false}",
});

export const PROCESS_SCHEMA: Schema = map({
  groups: list(
    byType({
      integer: { minimum: 0, maximum: MAX_ID },
      string: { pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,30}\\$?$" },
    }, { "x-expects": "a group such as 27 or audio" }),
    {
      title: "Groups",
      description:
        "Supplementary groups, besides those that the container's own /etc/group gives the user.",
      maxItems: MAX_GROUPS,
      uniqueItems: true,
      examples: [[27, "audio"]],
      "x-expects": "a list such as [27, audio]",
    },
  ),
  umask: {
    title: "umask",
    description: "Mode bits that new files don't get, in octal and quoted.",
    type: "string",
    pattern: "^0?[0-7]{3}$",
    default: "0022",
    examples: ["0027"],
    "x-expects": 'an octal text such as "0027"',
  },
  oomScoreAdj: {
    title: "OOM score",
    description:
      "Whom the kernel kills first when the machine has no memory: −1000 never, 1000 first. Below the runner's own takes CAP_SYS_RESOURCE.",
    ...integer(-1000, 1000),
    examples: [500],
  },
  ioPriority: map({
    class: { enum: ["realtime", "best-effort", "idle"], default: "best-effort" },
    level: integer(0, 7),
  }, {
    title: "Disk priority",
    description: "ioprio_set(2): level 0 comes first, 7 last, 4 is usual; `idle` has none.",
    minProperties: 1,
    examples: [{ class: "best-effort", level: 7 }],
    "x-expects": "a map such as {class: best-effort, level: 7}",
  }),
  scheduler: SCHEDULER,
  cpuAffinity: {
    title: "CPU affinity",
    description:
      "CPUs that the commands start on; unlike limits.cpuset they can change it themselves.",
    ...CPU_LIST,
    examples: ["0-1"],
  },
  personality: PERSONALITY,
}, {
  title: "Process",
  description: "What each command's process is like, besides its user and its limits.",
  examples: [{ umask: "0027", oomScoreAdj: 500 }],
  "x-expects": 'a map such as {umask: "0027", oomScoreAdj: 500}',
});

/** `process:` → numbers. Absent: the usual umask, and all else as the runner has it. */
export function normaliseProcess(
  context: Context,
  { value = {}, pointer }: Part<ProcessSpec | undefined>,
): DesiredProcess {
  const { groups = [], umask, oomScoreAdj, ioPriority, scheduler, cpuAffinity, personality } =
    value;
  return {
    groups: [...groups],
    umask: umask === undefined ? DEFAULT_UMASK : Number.parseInt(umask, 8),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
    ...(ioPriority === undefined
      ? {}
      : { ioPriority: { class: ioPriority.class ?? "best-effort", level: ioPriority.level ?? 4 } }),
    ...(scheduler === undefined ? {} : {
      scheduler: normaliseScheduler(context, {
        value: scheduler,
        pointer: join(pointer, "scheduler"),
      }),
    }),
    ...(cpuAffinity === undefined ? {} : {
      cpuAffinity: readCpus(context, {
        value: cpuAffinity,
        pointer: join(pointer, "cpuAffinity"),
      }),
    }),
    ...(personality === undefined ? {} : { personality: normalisePersonality(personality) }),
  };
}

function normaliseScheduler(
  context: Context,
  { value, pointer }: Part<NonNullable<ProcessSpec["scheduler"]>>,
): NonNullable<DesiredProcess["scheduler"]> {
  const { policy = "other", nice, priority } = value;
  const isRealTime = policy === "fifo" || policy === "rr";
  const wrong = isRealTime && nice !== undefined
    ? "nice"
    : !isRealTime && priority !== undefined
    ? "priority"
    : undefined;
  if (wrong !== undefined) {
    const message = `the policy ${policy} has no ${wrong}`;
    context.report({ code: "BAD_SCHEDULER", message, pointer: join(pointer, wrong) });
  }
  if (isRealTime && priority === undefined) {
    const message = `the policy ${policy} needs a priority from 1 to 99`;
    context.report({ code: "BAD_SCHEDULER", message, pointer });
  }
  return { policy, nice: nice ?? 0, priority: priority ?? 0 };
}

function normalisePersonality(personality: PersonalitySpec): number {
  const { domain = "linux", randomize = true } = typeof personality === "string"
    ? { domain: personality }
    : personality;
  return (domain === "linux32" ? PER_LINUX32 : PER_LINUX) | (randomize ? 0 : ADDR_NO_RANDOMIZE);
}
