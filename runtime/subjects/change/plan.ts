/** What is changed of a container that runs → a plan of its own. Pure. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Ask } from "../../plan/ops/ask.ts";
import type { Op } from "../../plan/ops/registry.ts";
import type { Plan } from "../../plan/plan.ts";
import { policyText } from "../compile.ts";
import { DEFAULT } from "../origin.ts";
import { signalNumber } from "../process.ts";

/** True: a process of the container is handed to the stage. */
export const joins = (ops: readonly Op[]): boolean => ops.some(({ kind }) => kind === "join.clone");

/** A plan whose effects stay; when one of its operations fails, those before it are taken back. */
export function compileChange(
  container: DesiredContainer,
  { instance, ops, asks = [] }: {
    readonly instance: string;
    readonly ops: readonly Op[];
    /** What the stage asks the runner for. */
    readonly asks?: readonly Ask[] | undefined;
  },
): Plan {
  const begin: Op = {
    where: "stage",
    origin: DEFAULT,
    kind: "prepare",
    id: "stage/prepare",
    announce: false,
    // The process whose namespaces are joined, and the socket that its root is given away through.
    ...(joins(ops) ? { passed: ops.some(({ kind }) => kind === "root.hand") ? 2 : 1 } : {}),
  };
  return {
    version: 1,
    container: container.name,
    instance,
    ops: [begin, ...ops],
    losses: [],
    lasting: true,
    summary: {
      limits: [],
      blame: {},
      policy: policyText(container),
      commands: [],
      ...(asks.length === 0 ? {} : { asks }),
      stop: { signal: signalNumber(container), graceMs: container.stop.graceMs },
    },
  };
}
