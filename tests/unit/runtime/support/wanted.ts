/** Spec objects → what is wanted, through the real loader: tests of plans start where users start. */
import type { DesiredContainer } from "../../../../spec/model/desired.ts";
import { loadObject } from "../../../../spec/load.ts";
import type { Answers, Host } from "../../../../runtime/plan/host.ts";
import type { Op, OpKind } from "../../../../runtime/plan/ops/registry.ts";
import type { Plan } from "../../../../runtime/plan/plan.ts";
import { compile } from "../../../../runtime/subjects/compile.ts";
import { ANSWERS, HOST_V2 } from "./hosts.ts";

export type SpecObject = Readonly<Record<string, unknown>>;

/** `{commands: [[/bin/true]], ...spec}`, named `box`. Throws when it is wrong: these specs are meant to be good. */
export function wanted(spec: SpecObject = {}): DesiredContainer {
  const value = { commands: [["/bin/true"]], ...spec };
  const { desired, diagnostics } = loadObject(value, { name: "box", directory: "/specs" });
  const only = desired?.containers[0];
  if (only === undefined) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return only;
}

export interface Situation {
  readonly host?: Host;
  readonly answers?: Partial<Answers>;
}

/** The plan of a spec on an invented machine. */
export function planOf(spec: SpecObject = {}, situation: Situation = {}): Plan {
  return plannedOf(spec, situation).plan;
}

/** The plan, and what it was made of. */
export function plannedOf(
  spec: SpecObject = {},
  { host = HOST_V2, answers }: Situation = {},
): { readonly plan: Plan; readonly host: Host; readonly answers: Answers } {
  const all = { ...ANSWERS, ...answers };
  return { plan: compile(wanted(spec), host, all), host, answers: all };
}

/** The operations of one kind. */
export function opsOf<K extends OpKind>(
  from: { readonly ops: readonly Op[] },
  kind: K,
): readonly Extract<Op, { kind: K }>[] {
  return from.ops.filter((op): op is Extract<Op, { kind: K }> => op.kind === kind);
}

/** The operation with this id; there must be one. */
export function opById(plan: Plan, id: string): Op {
  const found = plan.ops.filter((op) => op.id === id);
  if (found.length !== 1) throw new Error(`${found.length} operations are called ${id}`);
  return found[0] as Op;
}
