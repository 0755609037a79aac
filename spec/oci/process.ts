/** `process` ⇄ `process.oomScoreAdj`, `scheduler`, `ioPriority`, `linux.personality`; umask and groups are the user's. */
import { ADDR_NO_RANDOMIZE, PER_LINUX32 } from "../../ffi/abi/personality.ts";
import { showCpus } from "../model/cpus.ts";
import type { DesiredContainer, DesiredProcess } from "../model/desired.ts";
import type { ProcessSpec } from "../model/spec_type.ts";
import type { OciPart } from "./config.ts";
import { type Document, isNumber } from "./document.ts";
import { type OciLoss, originOf, type Said } from "./loss.ts";

type Scheduler = NonNullable<DesiredProcess["scheduler"]>;
type IoClass = NonNullable<DesiredProcess["ioPriority"]>["class"];

const POLICIES: Readonly<Record<Scheduler["policy"], string>> = {
  other: "SCHED_OTHER",
  batch: "SCHED_BATCH",
  idle: "SCHED_IDLE",
  fifo: "SCHED_FIFO",
  rr: "SCHED_RR",
};

const CLASSES: Readonly<Record<IoClass, string>> = {
  "realtime": "IOPRIO_CLASS_RT",
  "best-effort": "IOPRIO_CLASS_BE",
  "idle": "IOPRIO_CLASS_IDLE",
};

export function processToOci({ process, origins }: DesiredContainer): Said<OciPart> {
  const { oomScoreAdj, scheduler, ioPriority, personality } = process;
  return {
    part: {
      process: {
        ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
        ...(scheduler === undefined ? {} : { scheduler: schedulerToOci(scheduler) }),
        ...(ioPriority === undefined
          ? {}
          : { ioPriority: { class: CLASSES[ioPriority.class], priority: ioPriority.level } }),
      },
      ...(personality === undefined
        ? {}
        : { linux: { personality: { domain: isOf32(personality) ? "LINUX32" : "LINUX" } } }),
    },
    losses: processLosses(process, origins),
  };
}

const isOf32 = (personality: number): boolean => (personality & ~ADDR_NO_RANDOMIZE) === PER_LINUX32;

function schedulerToOci({ policy, nice, priority }: Scheduler) {
  const isRealTime = policy === "fifo" || policy === "rr";
  return { policy: POLICIES[policy], ...(isRealTime ? { priority } : { nice }) };
}

function processLosses(
  { cpuAffinity, personality = 0 }: DesiredProcess,
  origins: DesiredContainer["origins"],
): readonly OciLoss[] {
  return [
    ...(cpuAffinity === undefined ? [] : [{
      origin: originOf(origins, "process/cpuAffinity"),
      message: "OCI gives CPUs to processes that come in later (execCPUAffinity), not to the first",
      fix: `limits: {cpuset: "${showCpus(cpuAffinity)}"}, which the command can't change`,
    }]),
    ...((personality & ADDR_NO_RANDOMIZE) === 0 ? [] : [{
      origin: originOf(origins, "process/personality"),
      message: "OCI has no flags of a personality: memory is at random addresses there",
      fix: "put setarch -R in front of `args`",
    }]),
  ];
}

/** Only what is understood as a whole is taken. */
export function processFromOci(document: Document): { readonly process?: ProcessSpec } {
  const score = document.take("process", "oomScoreAdj");
  const umask = document.take("process", "user", "umask");
  const groups = document.take("process", "user", "additionalGids");
  const scheduler = schedulerFromOci(document);
  const ioPriority = ioPriorityFromOci(document);
  const domain = document.take("linux", "personality", "domain");
  const process: ProcessSpec = {
    ...(isNumber(score) ? { oomScoreAdj: score } : {}),
    ...(isNumber(umask) ? { umask: umask.toString(8).padStart(4, "0") } : {}),
    ...(Array.isArray(groups) && groups.length > 0
      ? { groups: (groups as readonly unknown[]).filter(isNumber) }
      : {}),
    ...(scheduler === undefined ? {} : { scheduler }),
    ...(ioPriority === undefined ? {} : { ioPriority }),
    ...(domain === "LINUX32" ? { personality: "linux32" } : {}),
  };
  return Object.keys(process).length === 0 ? {} : { process };
}

function keyOf<Key extends string>(
  words: Readonly<Record<Key, string>>,
  word: unknown,
): Key | undefined {
  return (Object.keys(words) as Key[]).find((key) => words[key] === word);
}

function schedulerFromOci(document: Document): ProcessSpec["scheduler"] {
  const at = ["process", "scheduler"] as const;
  const policy = keyOf(POLICIES, document.peek(...at, "policy"));
  if (policy === undefined) return undefined;
  document.take(...at, "policy");
  const key = policy === "fifo" || policy === "rr" ? "priority" : "nice";
  const value = document.take(...at, key);
  return { policy, ...(isNumber(value) ? { [key]: value } : {}) };
}

function ioPriorityFromOci(document: Document): ProcessSpec["ioPriority"] {
  const at = ["process", "ioPriority"] as const;
  const kind = keyOf(CLASSES, document.peek(...at, "class"));
  if (kind === undefined) return undefined;
  document.take(...at, "class");
  const level = document.take(...at, "priority");
  return { class: kind, ...(isNumber(level) ? { level } : {}) };
}
