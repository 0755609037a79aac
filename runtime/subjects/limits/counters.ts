/** Which counters of the groups say why a container ended, and which line of the YAML is to blame. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Counter } from "../../plan/report.ts";
import type { Op } from "../../plan/ops/registry.ts";
import type { Blame } from "../../plan/plan.ts";
import { DEFAULT, originOf } from "../origin.ts";
import type { GroupPlace } from "./compile.ts";
import type { Limit } from "./knob.ts";
import { memory } from "./memory.ts";
import { pids } from "./pids.ts";

/** Controller → the file that counts, of v1 and of v2. */
const FILES: Readonly<Record<Counter, readonly [string, string]>> = {
  memory: ["memory.oom_control", "memory.events"],
  pids: ["pids.events", "pids.events"],
  cpu: ["cpu.stat", "cpu.stat"],
};

/** Reads what the groups counted, before they are removed. */
export function countersOp(
  container: DesiredContainer,
  places: readonly GroupPlace[],
): readonly Op[] {
  const files = (Object.keys(FILES) as Counter[]).flatMap((counter) =>
    places.filter(({ controllers }) => controllers.includes(counter))
      .map(({ path, version }) => ({ counter, path: `${path}/${FILES[counter][version - 1]}` }))
  );
  if (files.length === 0) return [];
  const origin = originOf(container, "limits");
  return [{ kind: "cgroup.counters", id: "limits/counters", where: "stage", origin, files }];
}

/** What the message of an exit says of a limit, and where it stands. */
export function blameOf(container: DesiredContainer, held: readonly Limit[]): Blame {
  const { limits } = container;
  return {
    ...(held.includes(memory)
      ? {
        oom: {
          text: `limits.${memory.text(limits)}`,
          origin: originOf(container, "limits/memory"),
        },
      }
      : {}),
    ...(held.includes(pids)
      ? {
        pids: {
          text: `limits.pids ${limits.pids}`,
          origin: limits.pidsIsDefault ? DEFAULT : originOf(container, "limits/pids"),
        },
      }
      : {}),
  };
}
