/** `containerv update`: limits of containers that run, changed by hand. */
import { givenLimits, LIMIT_WORDS, type LimitWord } from "../lifecycle/given_limits.ts";
import { type GivenLimits, type Updated, updateLimits } from "../lifecycle/update.ts";
import { withProjectOf } from "../lifecycle/verbs.ts";
import { ContainervError } from "../plan/error.ts";
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

const OPTIONS: readonly (readonly [option: string, word: LimitWord])[] =
  (Object.keys(LIMIT_WORDS) as LimitWord[]).map((word) => [
    `--${word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    word,
  ]);

/** The words of the options are those of the YAML, and are checked as such. Throws UsageError. */
function limitsOf({ options }: Arguments): GivenLimits {
  const said: Partial<Record<LimitWord, string>> = {};
  for (const [option, word] of OPTIONS) {
    const text = options[option];
    if (typeof text === "string") said[word] = text;
  }
  try {
    const limits = givenLimits(said);
    if (limits !== undefined) return limits;
  } catch (error) {
    if (!(error instanceof ContainervError)) throw error;
    const { fix } = error.facts;
    throw new UsageError(`${error.facts.message}${fix === undefined ? "" : ` (${fix})`}`);
  }
  throw new UsageError(`say which limit: ${OPTIONS.map(([option]) => option).join(", ")}`);
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
