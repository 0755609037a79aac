/** The root of a container that runs → the runner's hands, by a process that joins its mounts. Pure. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Namespace } from "../../plan/ops/namespace.ts";
import type { Plan } from "../../plan/plan.ts";
import { JOIN_FD } from "../../plan/report.ts";
import { DEFAULT } from "../origin.ts";
import { compileChange } from "./plan.ts";

/** The plan of that; its stage is handed the container's first process, and a socket behind it. */
export function rootPlan(
  container: DesiredContainer,
  { instance, namespaces }: {
    readonly instance: string;
    readonly namespaces: readonly Namespace[];
  },
): Plan {
  const stage = { where: "stage", origin: DEFAULT } as const;
  const inside = { where: "container", origin: DEFAULT } as const;
  return compileChange(container, {
    instance,
    ops: [
      { ...stage, kind: "join.clone", id: "join", announce: false },
      { ...inside, kind: "join.namespaces", id: "join/mounts", namespaces },
      { ...inside, kind: "root.hand", id: "files/root", fd: JOIN_FD + 1, lasting: true },
      { ...inside, kind: "join.leave", id: "join/leave" },
      { ...stage, kind: "join.adopt", id: "join/adopt" },
      { ...stage, kind: "watch", id: "stage/watch" },
    ],
  });
}
