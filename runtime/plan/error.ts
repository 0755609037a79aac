/** The one error of the library: everything that went wrong, as fields. docs/errors.md has a heading per code. */
import type { Diagnostic, Place } from "../../spec/text/diagnostic.ts";

/** What is known about something that went wrong. */
export interface ErrorFacts {
  /** A word, stable: `SPEC_INVALID`, `NO_SUCH_USER`, `SYSCALL_FAILED`. */
  readonly code: string;
  readonly message: string;
  /** Where in the YAML, when it has lines. */
  readonly place?: Place;
  /** JSON pointer of the value concerned. */
  readonly pointer?: string;
  /** The operation of the plan: its number from 1, how many there are, and its line. */
  readonly step?: { readonly number: number; readonly of: number; readonly show: string };
  /** The call as strace prints it, with its result. */
  readonly syscall?: string;
  readonly errno?: number;
  /** What the kernel said besides the errno. */
  readonly kernel?: string;
  readonly fix?: string;
  /** What was taken back, or why nothing had to be. */
  readonly undone?: string;
  /** All of them, when the spec is wrong. */
  readonly diagnostics?: readonly Diagnostic[];
}

/**
 * Thrown by every function of the library; its fields say what, where, why, and what to do.
 *
 * @example
 * ```ts
 * import { ContainervError, run } from "containerv";
 *
 * try {
 *   await run({ commands: [["nonexistent"]] });
 * } catch (error) {
 *   if (error instanceof ContainervError) console.log(error.code, error.fix);
 * }
 * ```
 */
export class ContainervError extends Error {
  readonly code: string;
  readonly facts: ErrorFacts;

  constructor(facts: ErrorFacts) {
    super(facts.message);
    this.name = "ContainervError";
    this.code = facts.code;
    this.facts = facts;
  }

  /** Place in the YAML, as `web.yaml:14:11`, or the pointer. */
  get yaml(): string | undefined {
    const { place, pointer } = this.facts;
    return place === undefined ? pointer : `${place.file}:${place.line}:${place.column}`;
  }

  get syscall(): string | undefined {
    return this.facts.syscall;
  }

  get fix(): string | undefined {
    return this.facts.fix;
  }
}
