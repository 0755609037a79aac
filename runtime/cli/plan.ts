/** `containerv plan`: what run would do, or up where the spec is a project's. Touches nothing. */
import { hideIn } from "../../spec/text/hide.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { factsOf } from "../apply/facts.ts";
import { onlyContainer } from "../lifecycle/only.ts";
import { planContainer } from "../lifecycle/prepare.ts";
import { surveyedLayers } from "../lifecycle/stored.ts";
import type { Host } from "../plan/host.ts";
import { planJson, showPlan } from "../show/plan.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE, WOULD_CHANGE } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { loadSource, openSource, showFailure } from "./spec.ts";

export async function command(given: Arguments): Promise<number> {
  const source = openSource(given);
  const loaded = await loadSource(source);
  if (loaded === undefined) return BAD_INPUT;
  const { places, hidden } = loaded.result;
  const host = savedHost(given.options["--host"]);
  const runtime = otherRuntime(given);
  if (host === undefined && runtime === undefined && given.command === undefined) {
    const { planOfProject } = await import("./changes.ts");
    const status = await planOfProject(given, source, loaded);
    if (status !== undefined) return status;
  }
  try {
    const wanted = onlyContainer(loaded.desired);
    const stored = await surveyedLayers(wanted, host);
    const options = { ...(host === undefined ? {} : { host }), ...stored };
    const planned = planContainer(wanted, options);
    const plan = hideIn(planned.plan, hidden);
    if (runtime !== undefined) {
      const { equivalentOci } = await import("../lifecycle/oci.ts");
      const { showOci } = await import("../show/oci.ts");
      const { settleLayers } = await import("../subjects/layers.ts");
      const settled = settleLayers(hideIn(wanted, hidden), stored?.stored.layers);
      const same = equivalentOci(settled, { ...planned, plan }, { here: host === undefined });
      const { out, problems } = showOci(same, { runtime, places, form: formOf(given) });
      stdout(out);
      stderr(problems);
    } else if (given.options["--json"] === true) {
      stdout(`${JSON.stringify(planJson(plan, places), null, 2)}\n`);
    } else stdout(showPlan(plan, { places, calls: given.options["--calls"] === true }));
  } catch (error) {
    await showFailure(factsOf(error), places, hidden);
    return OWN_FAILURE;
  }
  return given.options["--exit-code"] === true ? WOULD_CHANGE : 0;
}

const OTHERS = ["crun", "runc"];

/** Whose words are asked for: `--diff crun`, or `--oci` for any runtime's. */
function otherRuntime({ options }: Arguments): string | undefined {
  const asked = options["--diff"];
  if (asked === undefined) return options["--oci"] === true ? "any OCI runtime" : undefined;
  if (typeof asked === "string" && OTHERS.includes(asked)) return asked;
  throw new UsageError(`--diff takes ${OTHERS.join(" or ")}, not "${asked}"`);
}

/** `--oci` alone prints the document and nothing else; `--json` all of it as data. */
function formOf({ options }: Arguments): "text" | "document" | "json" {
  if (options["--json"] === true) return "json";
  return options["--diff"] === undefined ? "document" : "text";
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
