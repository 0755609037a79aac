/** What loading a spec gives. Plain JSON: it is kept in the cache. */
import type { Diagnostic, Place } from "../text/diagnostic.ts";
import type { Desired } from "./desired.ts";

export interface LoadResult {
  /** Absent when there are errors. */
  readonly desired?: Desired;
  /** Errors and warnings, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
  /** JSON pointer → where the document says it. Empty for a spec given as an object. */
  readonly places: Readonly<Record<string, Place>>;
  /** It depends on more than the text (variables): it is kept in no cache. */
  readonly volatile?: true;
  /** Values of secret variables, for `hide()`: whoever prints what was made of this spec passes its text through it. */
  readonly hidden?: readonly string[];
}
