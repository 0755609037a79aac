/** Ends detached containers: the stop signal, after the grace time SIGKILL, and waits until the kernel says that they are gone. */
import { ESRCH } from "../../ffi/abi/errno.ts";
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { pidfdSendSignal } from "../../ffi/calls/pidfd.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { setFrozen } from "../apply/freezer.ts";
import { isDeaf } from "../observe/handlers.ts";
import { openProcess } from "../state/identity.ts";
import { noteEvent } from "../state/events.ts";
import type { ContainerView } from "./containers.ts";

/** Sends a signal to exactly the process of the descriptor; one that has ended takes none. Throws SyscallError. */
export function signalProcess(pidfd: number, sig: number): void {
  const call = pidfdSendSignal({ pidfd, sig });
  const result = Number(callSync(call));
  if (result < 0 && result !== -ESRCH) throw new SyscallError(call, -result);
}

export interface StopOptions {
  /** In place of what each container's spec says. */
  readonly graceMs?: number;
  readonly signal?: number;
  /** Told of a container whose grace went by because its first process has no handler for the signal. */
  readonly onDeaf?: (deaf: Deaf) => void;
  /** True: the rest of the grace is given up. */
  readonly hurry?: () => boolean;
}

/** Who did not hear, what, and for how long. */
export interface Deaf {
  readonly name: string;
  readonly signal: number;
  readonly graceMs: number;
}

interface Stopping extends Deaf {
  readonly fd: Fd;
  readonly pid: number;
  /** When its grace is over, by performance.now(). */
  readonly deadline: number;
  killed: boolean;
}

/** Ends those of the containers that run, all at once. Resolves when none of their first processes is left. */
export async function stopContainers(
  views: readonly ContainerView[],
  options: StopOptions = {},
): Promise<void> {
  let stopping: Stopping[] = [];
  try {
    for (const { record, state, name, project } of views) {
      if (state !== "running" || record?.process === undefined) continue;
      const fd = openProcess(record.process);
      if (fd === undefined) continue;
      const graceMs = options.graceMs ?? record.stop.graceMs;
      noteEvent(project, { type: "stopping", container: name });
      const signal = options.signal ?? record.stop.signal;
      const deadline = performance.now() + graceMs;
      const { pid } = record.process;
      stopping.push({ name, pid, fd, signal, graceMs, deadline, killed: false });
      signalProcess(fd.number, signal);
      // It could do nothing about it else.
      if (record.paused !== undefined) setFrozen(record.paused, false);
    }
    while (stopping.length > 0) {
      const hurry = options.hurry?.() === true;
      stopping = stopping.filter((one) => !hasEnded(one, hurry, options.onDeaf));
      await awaitFirst(stopping);
    }
  } finally {
    for (const { fd } of stopping) fd[Symbol.dispose]();
  }
}

function hasEnded(one: Stopping, hurry: boolean, onDeaf: StopOptions["onDeaf"]): boolean {
  if (waitForFd({ fd: one.fd.number, timeoutMs: 0 }) !== 0) {
    one.fd[Symbol.dispose]();
    return true;
  }
  if (!one.killed && (hurry || performance.now() >= one.deadline)) {
    // Asked only now: a program may set its handler while it starts.
    if (!hurry && one.graceMs > 0 && isDeaf(one.pid, one.signal)) onDeaf?.(one);
    signalProcess(one.fd.number, SIGKILL);
    one.killed = true;
  }
  return false;
}

/** Waits for the first of them, in slices that leave the event loop its time. */
async function awaitFirst([first]: readonly Stopping[]): Promise<void> {
  if (first === undefined) return;
  waitForFd({ fd: first.fd.number, timeoutMs: 5 });
  await new Promise<void>((resolve) => setImmediate(resolve));
}
