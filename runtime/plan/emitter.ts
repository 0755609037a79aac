/** What an operation writes its records to. The lowering gives each operation one that knows its step. */
import type { ResultOf, Syscall } from "../../ffi/calls/call.ts";
import type { Instruction } from "../../ffi/stage/language.ts";

export interface Emitter {
  /** Adds a call. Without `onError` a failure ends the program with a report that names the operation. */
  readonly call: (call: Syscall, options?: CallOptions) => void;
  /** Adds any other record or a label. */
  readonly add: (...instructions: readonly Instruction[]) => void;
  /** A label that no other operation has. */
  readonly label: (name: string) => string;
}

export interface CallOptions {
  /** The slot that takes the result. */
  readonly into?: string;
  /** A label, or `"continue"` to go on whatever happened. */
  readonly onError?: string;
}

/** The label that every failing call of the stage (or of the container) goes to when nothing else is said. */
export const FAIL = { stage: "stage.fail", container: "container.fail" } as const;

/** Where everything is taken back without a report: what failed is known to the runner. */
export const UNDO = "stage.undo";

/** The value of slot `name`, as a word of a later record. */
export function result(name: string): ResultOf {
  return { result: name };
}

/**
 * `if (call fails with any of errnos) goto there` for a call whose failure went to `here`:
 * other errors go on to `fail`.
 */
export function branchOnErrno(
  errnos: readonly number[],
  options: { readonly to: string; readonly otherwise: string },
): readonly Instruction[] {
  return [
    ...errnos.map((errno): Instruction => ({
      kind: "branch",
      when: "equal",
      left: { result: "error.errno" },
      right: errno,
      to: options.to,
    })),
    { kind: "jump", to: options.otherwise },
  ];
}
