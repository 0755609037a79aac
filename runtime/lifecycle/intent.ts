/** The record of a container before anything of it is done. */
import { createHash } from "node:crypto";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { bootId } from "../state/identity.ts";
import { type ContainerRecord, RECORD_VERSION } from "../state/record.ts";
import { specDigests } from "./digest.ts";
import type { Planned } from "./template.ts";

/** Eight characters that the container's log is called by, the same at every start. */
function logName(name: string): string {
  const number = BigInt(`0x${createHash("sha256").update(name).digest("hex").slice(0, 12)}`);
  return (number % 36n ** 8n).toString(36).padStart(8, "0");
}

/** The record of a container before anything of it is done. */
export function intentOf(
  container: DesiredContainer,
  planned: Planned,
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
    log: logName(container.name),
    logs: container.logs,
    stop: planned.summary.stop,
    limits: planned.summary.limits,
  };
}
