/** Descriptors that close themselves. */
import { ENOENT } from "../abi/errno.ts";
import type { Syscall } from "../calls/call.ts";
import { closeFd } from "./close.ts";
import { callSync, check, SyscallError } from "./run.ts";

/** An open descriptor of the runner; `using fd = Fd.open(…)` closes it at the end of the block. */
export class Fd {
  #number: number;

  constructor(number: number) {
    if (!Number.isInteger(number) || number < 0) {
      throw new RangeError(`${number} is no file descriptor`);
    }
    this.#number = number;
  }

  /** The descriptor that `call` gives; throws SyscallError. */
  static open(call: Syscall): Fd {
    return new Fd(check(call));
  }

  /** As `open`; `undefined` for what is not there (ENOENT). */
  static openIfThere(call: Syscall): Fd | undefined {
    const fd = Number(callSync(call));
    if (fd === -ENOENT) return undefined;
    if (fd < 0) throw new SyscallError(call, -fd);
    return new Fd(fd);
  }

  /** Its number; throws RangeError once it is closed, because the number may be another file's by then. */
  get number(): number {
    if (this.#number < 0) throw new RangeError("the file descriptor is closed");
    return this.#number;
  }

  /** Hands the number over: this object closes it no more. */
  release(): number {
    const { number } = this;
    this.#number = -1;
    return number;
  }

  /** Closes it, once. */
  [Symbol.dispose](): void {
    if (this.#number < 0) return;
    const number = this.#number;
    this.#number = -1;
    closeFd(number);
  }
}
