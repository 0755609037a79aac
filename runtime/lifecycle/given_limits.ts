/** Limits that somebody says by hand, in the words of the YAML. */
import { loadObject } from "../../spec/load.ts";
import { ContainervError } from "../plan/error.ts";
import type { GivenLimits } from "./update.ts";

/** Each word, and its place below `limits:`. */
export const LIMIT_WORDS = {
  cpu: ["cpu", "max"],
  cpuWeight: ["cpu", "weight"],
  cpuset: ["cpuset"],
  memory: ["memory", "max"],
  memoryHigh: ["memory", "high"],
  memoryLow: ["memory", "low"],
  swap: ["swap"],
  pids: ["pids"],
} as const;

export type LimitWord = keyof typeof LIMIT_WORDS;

/** What is said is checked as the YAML is; `undefined`: nothing is said. Throws ContainervError BAD_REQUEST. */
export function givenLimits(
  said: Readonly<Partial<Record<LimitWord, string>>>,
): GivenLimits | undefined {
  const written: Record<string, unknown> = {};
  for (const [word, [key, inner]] of Object.entries(LIMIT_WORDS)) {
    const text = said[word as LimitWord];
    if (text === undefined) continue;
    // Numbers are numbers in the YAML too; sizes are texts.
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    if (inner === undefined) written[key] = value;
    else written[key] = { ...written[key] as object, [inner]: value };
  }
  if (Object.keys(written).length === 0) return undefined;
  const spec = { commands: [["true"]], policy: "none", limits: written };
  const { desired, diagnostics } = loadObject(spec, { name: "update", directory: "/" });
  const limits = desired?.containers[0]?.limits;
  if (limits === undefined) {
    const [first] = diagnostics.filter(({ severity }) => severity === "error");
    throw new ContainervError({
      code: "BAD_REQUEST",
      message: first?.message ?? "that is no limit",
      ...(first?.fix === undefined ? {} : { fix: first.fix }),
      undone: "nothing was done",
    });
  }
  const { pidsIsDefault, pids, ...others } = limits;
  return { ...others, ...(pidsIsDefault || pids === undefined ? {} : { pids }) };
}
