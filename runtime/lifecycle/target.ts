/** The first process of a container that runs, held by a descriptor. Small: every `exec` loads it. */
import { F_DUPFD_CLOEXEC } from "../../ffi/abi/fcntl.ts";
import { fcntl } from "../../ffi/calls/open.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { check } from "../../ffi/linux/run.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { ContainervError } from "../plan/error.ts";
import { openProcess, type ProcessIdentity } from "../state/identity.ts";

/** A container that runs, by its first process: a pid alone may be another's by now. */
export interface ExecTarget extends ProcessIdentity {
  /** Its name, for messages. */
  readonly name: string;
  readonly container: DesiredContainer;
}

/** What is thrown when the container has ended. */
export function notRunning(name: string): ContainervError {
  return new ContainervError({
    code: "NOT_RUNNING",
    message: `the container ${name} does not run`,
    fix: "start it first",
    undone: "nothing was done",
  });
}

/** A pidfd of the container's first process. Throws ContainervError when that is not there any more. */
export function openTarget({ name, pid, startTicks }: Omit<ExecTarget, "container">): Fd {
  const fd = openProcess({ pid, startTicks });
  if (fd === undefined) throw notRunning(name);
  return fd;
}

/** True until the process of a pidfd has ended. */
export const isAlive = (pidfd: Fd): boolean => waitForFd({ fd: pidfd.number, timeoutMs: 0 }) === 0;

/** The descriptor that the stage gets of it; whoever starts the stage closes it. */
export const passedTarget = ({ number }: Fd): number =>
  check(fcntl({ fd: number, cmd: F_DUPFD_CLOEXEC, arg: 3 }));
