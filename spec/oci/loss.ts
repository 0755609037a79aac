/** What one of the two vocabularies says and the other has no word for. */
import type { Origin } from "../model/desired.ts";

export interface OciLoss {
  /** Where it is said: a pointer into the spec, or into `config.json` when that is what is read. */
  readonly origin: Origin;
  readonly message: string;
  /** What does the same there. */
  readonly fix?: string;
}

/** What a subject gives: its part, and what is lost. */
export interface Said<Part> {
  readonly part: Part;
  readonly losses: readonly OciLoss[];
}

/** The pointer of a key of the container, or `default`. */
export function originOf(origins: Readonly<Record<string, Origin>>, ...keys: string[]): Origin {
  const key = keys.find((one) => origins[one] !== undefined);
  return key === undefined ? "default" : origins[key] ?? "default";
}
