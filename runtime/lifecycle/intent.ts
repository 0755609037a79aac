/** The record of a container before anything of it is done. */
import { createHash } from "node:crypto";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { bootId } from "../state/identity.ts";
import { type ContainerRecord, RECORD_VERSION } from "../state/record.ts";
import { specDigests } from "./digest.ts";
import type { NamedPlan } from "./detached_plan.ts";

/** The record of a container before anything of it is done. */
export function intentOf(
  container: DesiredContainer,
  planned: NamedPlan,
  phase: "created" | "starting",
): ContainerRecord {
  const outputs = phase === "created" ? [] : planned.summary.copies?.outputs ?? [];
  return {
    version: RECORD_VERSION,
    boot: bootId(),
    name: container.name,
    phase,
    created: Date.now(),
    digest: {
      ...specDigests(container),
      plan: createHash("sha256").update(planned.image).digest("hex"),
    },
    made: phase === "created" ? [] : planned.made,
    ...(outputs.length === 0 ? {} : { outputs }),
    ...(planned.names.usual ? {} : { instance: planned.names.instance }),
    log: planned.names.log,
    logs: container.logs,
    stop: planned.summary.stop,
    limits: planned.summary.limits,
  };
}
