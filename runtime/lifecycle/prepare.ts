/** A container that is wanted → its plan on this machine, and the stage's image that carries it out. */
import { encode, type Encoded } from "../../ffi/stage/encode.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { compile } from "../subjects/compile.ts";
import { answer } from "../observe/answers.ts";
import { observeHost } from "../observe/host.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { Host } from "../plan/host.ts";
import type { Plan } from "../plan/plan.ts";

export interface Prepared {
  readonly plan: Plan;
  readonly host: Host;
  readonly image: Uint8Array<ArrayBuffer>;
  /** Made anew when asked for: only a failure needs to know which record is which. */
  readonly records: () => Encoded["records"];
}

/** Where what outlives a run is kept. */
export function dataDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  const base = environment["XDG_DATA_HOME"];
  if (uid === 0) return "/var/lib/containerv";
  if (base !== undefined && base.startsWith("/")) return `${base}/containerv`;
  return `${environment["HOME"] ?? "/"}/.local/share/containerv`;
}

/** Plans for `host`, or for this machine. Throws HostError. Changes nothing. */
export function planContainer(
  container: DesiredContainer,
  options: { readonly host?: Host; readonly first?: number } = {},
): { plan: Plan; host: Host } {
  const wantsCgroups = Object.keys(container.limits).some((key) => key !== "pidsIsDefault");
  const host = options.host ?? observeHost({ cgroups: wantsCgroups });
  const answers = answer(container, host, {
    dataDirectory: dataDirectory(process.env, host.uid),
    first: options.first ?? 1,
  });
  return { plan: compile(container, host, answers), host };
}

export function prepare(container: DesiredContainer, first: number): Prepared {
  const { plan, host } = planContainer(container, { first });
  const make = (): Encoded => encode(lowerPlan(plan), host.architecture);
  let encoded: Encoded | undefined = make();
  const { image } = encoded;
  return {
    plan,
    host,
    image,
    records: () => (encoded ??= make()).records,
  };
}
