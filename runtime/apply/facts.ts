/** Whatever was thrown → the facts of an error. */
import { EACCES, EMFILE } from "../../ffi/abi/errno.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { HostError } from "../plan/host_error.ts";

/** A fault of ours keeps its stack: it is to be reported. */
export function factsOf(error: unknown): ErrorFacts {
  // What failed while something was given back, behind what had failed before: that one says why.
  if (error instanceof SuppressedError) return factsOf(error.suppressed);
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
      ...(error.errno === EMFILE ? MORE_FILES : memfdFix(error)),
      syscall: error.message,
      errno: error.errno,
    };
  }
  // A JavaScript runtime that can't open one of our own files says it in words of its own.
  if (error instanceof Error && /\bEMFILE\b|FdQuotaExceeded|os error 24\b/.test(error.message)) {
    return { code: "SYSCALL_FAILED", message: `cannot go on: ${error.message}`, ...MORE_FILES };
  }
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  return {
    code: "BUG",
    message: `this should not have happened: ${text}`,
    fix: "please report it with the output of `containerv doctor --json`",
  };
}

const MORE_FILES = { fix: "let more files be open: ulimit -n" } as const;

/** Where programs in memory may not be executed, nobody but the setting says so: the call's own words are EACCES. */
function memfdFix({ message, errno }: SyscallError): Pick<ErrorFacts, "fix"> {
  if (errno !== EACCES || !/^(posix_spawn|memfd_create)\(/.test(message)) return {};
  if (readFile("/proc/sys/vm/memfd_noexec")?.trim() !== "2") return {};
  return {
    fix:
      "vm.memfd_noexec is 2, so that the stage can't be executed: sudo sysctl -w vm.memfd_noexec=1",
  };
}
