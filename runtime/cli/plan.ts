/** `containerv plan`: what run would do. Touches nothing. */
import { readFile } from "../../ffi/linux/file.ts";
import { factsOf } from "../apply/facts.ts";
import { planContainer } from "../lifecycle/prepare.ts";
import type { Host } from "../plan/host.ts";
import { planJson, showPlan } from "../show/plan.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stdout } from "./output.ts";
import { loadSource, onlyContainer, openSource, showFailure } from "./spec.ts";

/** `plan --exit-code`: something would change. */
const WOULD_CHANGE = 3;

export async function command(given: Arguments): Promise<number> {
  const loaded = await loadSource(openSource(given));
  if (loaded === undefined) return BAD_INPUT;
  const { places } = loaded.result;
  const host = savedHost(given.options["--host"]);
  try {
    const { plan } = planContainer(
      onlyContainer(loaded.desired),
      host === undefined ? {} : { host },
    );
    if (given.options["--json"] === true) {
      stdout(`${JSON.stringify(planJson(plan, places), null, 2)}\n`);
    } else stdout(showPlan(plan, { places, calls: given.options["--calls"] === true }));
  } catch (error) {
    await showFailure(factsOf(error), loaded.result.places);
    return OWN_FAILURE;
  }
  return given.options["--exit-code"] === true ? WOULD_CHANGE : 0;
}

function savedHost(file: string | true | undefined): Host | undefined {
  if (typeof file !== "string") return undefined;
  const text = readFile(file);
  if (text === undefined) throw new UsageError(`cannot read ${file}`);
  const host = hostIn(text);
  if (host?.version !== 1 || host.system === undefined) {
    throw new UsageError(`${file} is no output of \`containerv doctor --json\``);
  }
  return host as Host;
}

/** The machine in a text: the whole output of doctor, or its part; `undefined` when it is no JSON object. */
function hostIn(text: string): Partial<Host> | undefined {
  try {
    const value = JSON.parse(text) as ({ host?: Host } & Partial<Host>) | null;
    return value?.host ?? value ?? undefined;
  } catch {
    return undefined;
  }
}
