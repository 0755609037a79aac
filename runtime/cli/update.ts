/** `containerv update`: limits of containers that run, changed by hand. */
import { loadObject } from "../../spec/load.ts";
import { type GivenLimits, type Updated, updateLimits } from "../lifecycle/update.ts";
import { withProjectOf } from "../lifecycle/verbs.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr } from "./output.ts";
import { eachContainer, needNames } from "./project.ts";

export async function command(given: Arguments): Promise<number> {
  needNames(given);
  const limits = limitsOf(given);
  return await eachContainer(given, async (view) => {
    const updated = await withProjectOf(view, (project, now) => updateLimits(project, now, limits));
    sayOfSpec(view.name, updated);
    return updatedText(updated);
  });
}

/** Option → its place below `limits:`. */
const OPTIONS = [
  ["--cpu", ["cpu", "max"]],
  ["--cpu-weight", ["cpu", "weight"]],
  ["--cpuset", ["cpuset"]],
  ["--memory", ["memory", "max"]],
  ["--memory-high", ["memory", "high"]],
  ["--memory-low", ["memory", "low"]],
  ["--swap", ["swap"]],
  ["--pids", ["pids"]],
] as const;

/** The words of the options are those of the YAML, and are checked as such. Throws UsageError. */
function limitsOf({ options }: Arguments): GivenLimits {
  const written: Record<string, unknown> = {};
  for (const [option, [key, inner]] of OPTIONS) {
    const text = options[option];
    if (typeof text !== "string") continue;
    // Numbers are numbers in the YAML too; sizes are texts.
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    if (inner === undefined) written[key] = value;
    else written[key] = { ...written[key] as object, [inner]: value };
  }
  if (Object.keys(written).length === 0) {
    throw new UsageError(`say which limit: ${OPTIONS.map(([option]) => option).join(", ")}`);
  }
  const spec = { commands: [["true"]], policy: "none", limits: written };
  const { desired, diagnostics } = loadObject(spec, { name: "update", directory: "/" });
  const limits = desired?.containers[0]?.limits;
  if (limits === undefined) {
    const [first] = diagnostics.filter(({ severity }) => severity === "error");
    const fix = first?.fix === undefined ? "" : ` (${first.fix})`;
    throw new UsageError(`${first?.message ?? "that is no limit"}${fix}`);
  }
  const { pidsIsDefault, pids, ...others } = limits;
  return { ...others, ...(pidsIsDefault || pids === undefined ? {} : { pids }) };
}

function updatedText({ differences }: Updated): string {
  if (differences.length === 0) return "unchanged: it has these limits already";
  return `changed: ${differences.map(({ key, text = "" }) => `${key} ${text}`).join("; ")}`;
}

function sayOfSpec(name: string, { spec }: Updated): void {
  if (spec === undefined || spec.differences.length === 0) return;
  const keys = spec.differences.map(({ key, text = "" }) => `${key} ${text.split(" → ")[1] ?? ""}`);
  stderr(
    `! ${spec.file} says ${
      keys.join(", ")
    } of ${name}: diff shows it, and the next up makes it so again\n`,
  );
}
