/** What a failed call throws. */
import { errnoMessage, errnoName } from "../abi/errno.ts";
import { showCall, type Syscall } from "../calls/call.ts";

/** What is known about a failure beyond the call and its errno. */
export interface FailureDetails {
  /** Values of the results that the call's words name: they stand in the text in place of the names. */
  readonly results?: ReadonlyMap<string, number | bigint>;
  /** What the kernel said in words, as an fs context's log does. */
  readonly said?: readonly string[];
}

/** A call of the kernel (or of libc, given by its text) failed. Its message is the line that strace would print. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";
  readonly errno: number;
  /** `ENOENT` */
  readonly errnoName: string;
  /** As strace prints it, with its result: `openat(AT_FDCWD, "/x", O_RDONLY) = -1 ENOENT (No such file or directory)`. */
  readonly call: string;
  readonly said: readonly string[];

  constructor(call: Syscall | string, errno: number, details: FailureDetails = {}) {
    const { results, said = [] } = details;
    let text = typeof call === "string" ? call : showCall(call);
    for (const [name, value] of results ?? []) text = text.replaceAll(`<${name}>`, String(value));
    const line = `${text} = -1 ${errnoName(errno)} (${errnoMessage(errno)})`;
    super(said.length === 0 ? line : `${line}: ${said.join("; ")}`);
    this.call = line;
    this.errno = errno;
    this.errnoName = errnoName(errno);
    this.said = said;
  }
}
