/** Whatever was thrown → the facts of an error. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { HostError } from "../plan/host_error.ts";

/** A fault of ours keeps its stack: it is to be reported. */
export function factsOf(error: unknown): ErrorFacts {
  if (error instanceof ContainervError) return error.facts;
  if (error instanceof HostError) {
    return {
      code: error.code,
      message: error.message,
      pointer: error.origin === "default" ? "" : error.origin,
      ...(error.fix === undefined ? {} : { fix: error.fix }),
      undone: "nothing was done",
    };
  }
  if (error instanceof SyscallError) {
    return {
      code: "SYSCALL_FAILED",
      message: `cannot go on: ${error.message}`,
      syscall: error.message,
      errno: error.errno,
    };
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  return {
    code: "BUG",
    message: `this should not have happened: ${text}`,
    fix: "please report it with the output of `containerv doctor --json`",
  };
}
