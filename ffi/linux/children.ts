/**
 * Awaits children that `spawnImage` started. One SIGCHLD listener for all, there only while somebody waits: no thread and
 * no polling. Signals of several children become one, so each signal asks for all that are awaited.
 */
import { SIGCHLD } from "../abi/signal.ts";
import { kernel } from "./libc.ts";
import { unblockSignals } from "./signals.ts";
import { type ChildExit, reapNow } from "./wait.ts";

export type { ChildExit } from "./wait.ts";

export interface AwaitOptions {
  /** False: waiting alone does not keep this process from ending. Default: true. */
  readonly keepAlive?: boolean;
}

interface Awaited {
  readonly keepAlive: boolean;
  readonly promise: Promise<ChildExit>;
  readonly resolve: (exit: ChildExit) => void;
  readonly reject: (error: unknown) => void;
}

const awaited = new Map<number, Awaited>();
let stopListening: (() => void) | undefined;
let release: (() => void) | undefined;

/**
 * Resolves with the end of the child `pid`. Its status is taken: it can be asked once (callers at the same time share the
 * answer). While it is pending the process does not end for want of work; once nobody waits nothing keeps it.
 *
 * @throws SyscallError (as a rejection): ECHILD when it is no child of ours, or its status was taken before.
 */
export function awaitChild(pid: number, options: AwaitOptions = {}): Promise<ChildExit> {
  const before = awaited.get(pid);
  if (before !== undefined) return before.promise;
  const child = {
    ...Promise.withResolvers<ChildExit>(),
    keepAlive: options.keepAlive !== false,
  };
  awaited.set(pid, child);
  listen();
  // It may have ended before there was a listener.
  ask(pid, child);
  stopWhenIdle();
  return child.promise;
}

function listen(): void {
  if (stopListening !== undefined) return;
  const { seam } = kernel();
  unblockSignals([SIGCHLD]);
  stopListening = seam.onSignal("SIGCHLD", askAll);
}

function stopWhenIdle(): void {
  let keeps = false;
  for (const child of awaited.values()) keeps ||= child.keepAlive;
  if (keeps) release ??= kernel().seam.keepAlive();
  else {
    release?.();
    release = undefined;
  }
  if (awaited.size > 0) return;
  stopListening?.();
  stopListening = undefined;
}

/** Keeps this process from ending until the promise is settled; gives it back. */
export function keepAliveUntil<Value>(promise: Promise<Value>): Promise<Value> {
  const letGo = kernel().seam.keepAlive();
  promise.then(letGo, letGo);
  return promise;
}

function askAll(): void {
  for (const [pid, child] of awaited) ask(pid, child);
  stopWhenIdle();
}

function ask(pid: number, child: Awaited): void {
  try {
    const exit = reapNow({ pid });
    if (exit === undefined) return;
    awaited.delete(pid);
    child.resolve(exit);
  } catch (error) {
    awaited.delete(pid);
    child.reject(error);
  }
}
