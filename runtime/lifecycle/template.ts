/**
 * Plans of many containers that differ only in their names: planned and encoded once, with a stand-in of the same length, and
 * the name is written over it. A start of the thousandth costs no more than a copy.
 */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { undoOps } from "../plan/lower.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Summary } from "../plan/plan.ts";
import type { PlanOptions, Prepared } from "./prepare.ts";

/** As PlanOptions, with the instance by the container's name. */
export interface PlannerOptions extends Omit<PlanOptions, "instance"> {
  readonly instance: (name: string) => string;
  /** It has nothing in common with others that differ in their names. */
  readonly alone?: boolean;
}

/** What a detached start needs of a plan. */
export interface Planned {
  readonly image: Uint8Array;
  readonly summary: Summary;
  /** Operations that can be taken back, without the container's own end. */
  readonly made: readonly Op[];
  /** Opens what is handed over by descriptor. */
  readonly open?: () => readonly number[];
  /** The plan of exactly this container: for explaining a failure. */
  readonly explain: () => Prepared;
}

interface Template {
  readonly image: Uint8Array;
  readonly offsets: readonly number[];
  readonly summary: Summary;
  /** JSON, with the stand-in in it. */
  readonly made: string;
}

/** Names are made of other characters, so it stands nowhere else. */
const STAND_IN = "~";
/** A shorter one might stand in a file's bytes by chance. */
const LENGTH_MIN = 3;

/** Plans containers of one project, remembering what they have in common. */
export function createPlanner(
  prepareOne: (container: DesiredContainer, options: PlanOptions) => Prepared,
): (container: DesiredContainer, options: PlannerOptions) => Planned {
  const templates = new Map<string, Template>();
  return (container, options) => {
    const { name } = container;
    const optionsOf = (one: string): PlanOptions => ({
      ...options,
      instance: options.instance(one),
    });
    const explain = (): Prepared => prepareOne(container, optionsOf(name));
    const copies = container.inputs.length + container.outputs.length > 0;
    const alone = name.length < LENGTH_MIN || options.alone === true || copies;
    if (alone || options.stored !== undefined) {
      return plannedOf(explain(), explain);
    }
    const stand = STAND_IN.repeat(name.length);
    const general = withName(container, stand);
    const key = JSON.stringify(general, withoutOrigins);
    let template = templates.get(key);
    if (template === undefined) {
      const prepared = prepareOne(general, optionsOf(stand));
      if (!prepared.memorable) return plannedOf(explain(), explain);
      template = templateOf(prepared, stand);
      templates.set(key, template);
    }
    const image = template.image.slice();
    const bytes = new TextEncoder().encode(name);
    for (const offset of template.offsets) image.set(bytes, offset);
    const made = JSON.parse(template.made.replaceAll(stand, name)) as readonly Op[];
    return { image, summary: template.summary, made, explain };
  };
}

function plannedOf(prepared: Prepared, explain: () => Prepared): Planned {
  const { image, plan, open } = prepared;
  const { summary } = plan;
  return {
    image,
    summary,
    made: madeOf(plan.ops),
    explain,
    ...(open === undefined ? {} : { open }),
  };
}

/** Where in the spec something stands is no part of what it does. */
function withoutOrigins(key: string, value: unknown): unknown {
  return key === "origin" || key === "origins" ? undefined : value;
}

function withName(container: DesiredContainer, name: string): DesiredContainer {
  const hostname = container.hostname === container.name ? name : container.hostname;
  return { ...container, name, hostname };
}

/** What is to be undone of a plan when its container has ended. */
export function madeOf(ops: readonly Op[]): readonly Op[] {
  return ops.filter((op) => op.kind !== "clone" && undoOps(op).length > 0);
}

function templateOf({ image, plan }: Prepared, stand: string): Template {
  const pattern = new TextEncoder().encode(stand);
  const [first = 0] = pattern;
  const offsets: number[] = [];
  for (let at = image.indexOf(first); at >= 0; at = image.indexOf(first, at + 1)) {
    if (!pattern.every((byte, index) => image[at + index] === byte)) continue;
    offsets.push(at);
    at += pattern.length - 1;
  }
  return { image, offsets, summary: plan.summary, made: JSON.stringify(madeOf(plan.ops)) };
}
