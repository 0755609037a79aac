/** Awaits processes that this one started: one SIGCHLD listener, no thread, no timer that polls. */
import { ECHILD } from "../abi/errno.ts";
import { P_PID, WEXITED, WNOHANG } from "../abi/wait.ts";
import { waitid } from "../calls/process.ts";
import { loadSeam } from "../seam/load.ts";
import { callSync, readCell, writeCell } from "./run.ts";

/** How a child ended, as waitid(2) says it. */
export interface ChildEnd {
  /** CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3. */
  readonly code: number;
  /** Exit status or signal. */
  readonly status: number;
}

const INFO = { cell: "waitid", size: 128 } as const;
const ZEROS = new Uint8Array(INFO.size);

const waiting = new Map<number, (end: ChildEnd) => void>();
let stopListening: (() => void) | undefined;
let keepAlive: ReturnType<typeof setInterval> | undefined;

/** The longest a timer can be: it holds the event loop while somebody waits, and never fires in practice. */
const FOREVER_MS = 0x7fffffff;

/** Reaps the child when it has ended; `undefined` while it runs. Throws when it is not, or no longer, our child. */
export function reapChild(pid: number): ChildEnd | undefined {
  writeCell(INFO, ZEROS);
  const result = Number(
    callSync(waitid({ idtype: P_PID, id: pid, infop: INFO, options: WEXITED | WNOHANG })),
  );
  if (result === -ECHILD) throw new Error(`process ${pid} is no child of this one`);
  const info = readCell(INFO);
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
  // siginfo_t: si_code 8, si_pid 16, si_status 24
  if (view.getInt32(16, true) !== pid) return undefined;
  return { code: view.getInt32(8, true), status: view.getInt32(24, true) };
}

/** Resolves when the child has ended; it is reaped then. */
export function awaitChild(pid: number): Promise<ChildEnd> {
  return new Promise((resolve) => {
    waiting.set(pid, resolve);
    stopListening ??= loadSeam().onSignal("SIGCHLD", reapAll);
    keepAlive ??= setInterval(() => {}, FOREVER_MS);
    // It may have ended before the listener was there.
    reapAll();
  });
}

/** Signals coalesce: at each one every child that is waited for is asked. */
function reapAll(): void {
  for (const [pid, resolve] of [...waiting]) {
    const end = reapChild(pid);
    if (end === undefined) continue;
    waiting.delete(pid);
    resolve(end);
  }
  if (waiting.size > 0) return;
  clearInterval(keepAlive);
  keepAlive = undefined;
  stopListening?.();
  stopListening = undefined;
}
