/** A report of the stage → an error that says which step, which call, what the kernel said, what to do. */
import { EACCES, ENOENT, ENOTDIR, errnoMessage, errnoName } from "../../ffi/abi/errno.ts";
import { showCall, type Syscall } from "../../ffi/calls/call.ts";
import type { Instruction } from "../../ffi/stage/language.ts";
import { NO_ID_MAP } from "../plan/ops/idmap.ts";
import { KERNEL_FILES } from "../plan/ops/volume.ts";
import { DIFFERS } from "../plan/ops/read_back.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Op } from "../plan/ops/registry.ts";
import { definition } from "../plan/ops/registry.ts";
import type { Plan } from "../plan/plan.ts";
import type { Report } from "../plan/report.ts";
import { hintFor } from "./hints.ts";

export interface Failure {
  readonly op: Op;
  readonly errno: number;
  readonly facts: ErrorFacts;
}

/** What the operation at which the stage failed was to do, in the user's words. */
const GOALS: Partial<Record<Op["kind"], (op: never) => string>> = {
  "cgroup.make": (op: Extract<Op, { kind: "cgroup.make" }>) => `make the group ${op.path}`,
  "cgroup.write": (op: Extract<Op, { kind: "cgroup.write" }>) => `set the limit ${op.path}`,
  "cgroup.devices": (op: Extract<Op, { kind: "cgroup.devices" }>) =>
    `deny the group ${op.path} all devices but ${op.rules.length} rules`,
  "rlimit": (op: Extract<Op, { kind: "rlimit" }>) => `set the resource limit ${op.resource}`,
  "oom_score": (op: Extract<Op, { kind: "oom_score" }>) => `set the OOM score to ${op.value}`,
  "ioprio": (op: Extract<Op, { kind: "ioprio" }>) => `set the disk priority ${op.class}`,
  "scheduler": (op: Extract<Op, { kind: "scheduler" }>) => `set the scheduling policy ${op.policy}`,
  "affinity": () => "set the CPU affinity",
  "sysctl": (op: Extract<Op, { kind: "sysctl" }>) => `set the kernel parameter ${op.path}`,
  "mount.bind": (op: Extract<Op, { kind: "mount.bind" }>) => `mount ${op.source} at ${op.at}`,
  "mount.new": (op: Extract<Op, { kind: "mount.new" }>) => `mount ${op.fs} at ${op.at}`,
  "mount.overlay": () => "put the layers of the rootfs together",
  "workdir": (op: Extract<Op, { kind: "workdir" }>) => `enter the working directory ${op.path}`,
  "volume.keep": (op: Extract<Op, { kind: "volume.keep" }>) => `make the volume ${op.path}`,
  "volume.open": (op: Extract<Op, { kind: "volume.open" }>) =>
    `open the volume's source ${op.base === "/" ? "" : op.base}/${op.path}`,
  "volume.attach": (op: Extract<Op, { kind: "volume.attach" }>) => `mount a volume at ${op.at}`,
  "secret": (op: Extract<Op, { kind: "secret" }>) => `put the secret ${op.at} in its place`,
  "upper": (op: Extract<Op, { kind: "upper" }>) => `use the disk ${op.path}`,
  "layer.map": (op: Extract<Op, { kind: "layer.map" }>) =>
    `give the layer ${op.path} the container's ids`,
  "layer.hold": (op: Extract<Op, { kind: "layer.hold" }>) => `hold the layer ${op.path}`,
  "clone": () => "make the container's namespaces",
  "execute": (op: Extract<Op, { kind: "execute" }>) => `execute "${op.argv[0]}"`,
};

/** Records that only say what was seen: their call's own errno means nothing. */
const SEEN: ReadonlyMap<Syscall, { code: string; why: string; fix?: string }> = new Map<
  Syscall,
  { code: string; why: string; fix?: string }
>([
  [DIFFERS, { code: "LIMIT_NOT_HELD", why: "the kernel took the value but does not hold it" }],
  [KERNEL_FILES, {
    code: "PROTECTED_PLACE",
    why: "a link of the rootfs leads there into /proc or /sys",
    fix: "give the volume a place that is no link into the kernel's file systems",
  }],
  [NO_ID_MAP, {
    code: "OWNER_CANNOT_MATCH",
    why: "the kernel made no user namespace for the map of owners",
    fix: "permit them: sudo sysctl -w user.max_user_namespaces=10000, or leave `owner:` out",
  }],
]);

/** `undefined` when the report names no record of this program that its sender runs: then it is not ours. */
export function failureOf(
  report: Report,
  plan: Plan,
  records: readonly Instruction[],
): Failure | undefined {
  const record = records[report.a];
  if (record === undefined || record.kind !== "syscall") return undefined;
  const op = plan.ops[record.step];
  if (op === undefined || (report.from === "container" && op.where === "stage")) return undefined;
  const errno = report.b;
  const seen = SEEN.get(record.call);
  const goal = GOALS[op.kind] as ((op: Op) => string) | undefined;
  const what = goal?.(op) ?? `carry out ${definition(op).describe(op)}`;
  const fix = seen === undefined ? hintFor(op, errno) : seen.fix;
  return {
    op,
    errno,
    facts: {
      code: seen?.code ?? codeOf(op, errno),
      message: `cannot ${what}: ${seen?.why ?? errnoMessage(errno)}`,
      pointer: op.origin === "default" ? "" : op.origin,
      step: { number: record.step + 1, of: plan.ops.length, show: definition(op).describe(op) },
      ...(seen !== undefined ? {} : {
        syscall: `${showCall(record.call)} = -1 ${errnoName(errno)} (${errnoMessage(errno)})`,
      }),
      errno,
      ...(fix === undefined ? {} : { fix }),
    },
  };
}

function codeOf(op: Op, errno: number): string {
  if (op.kind === "execute") {
    return errno === ENOENT || errno === ENOTDIR
      ? "COMMAND_NOT_FOUND"
      : errno === EACCES
      ? "COMMAND_NOT_EXECUTABLE"
      : "COMMAND_FAILED_TO_START";
  }
  return "SYSCALL_FAILED";
}

/** Exit status of a command that could not be executed: what shells use. */
export function execStatus(errno: number): number {
  return errno === ENOENT || errno === ENOTDIR ? 127 : 126;
}
