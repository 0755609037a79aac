/** Stops every process of a container, and lets them go on. */
import { ESRCH } from "../../ffi/abi/errno.ts";
import { SIGCONT, SIGSTOP } from "../../ffi/abi/signal.ts";
import { pidfdOpen, pidfdSendSignal } from "../../ffi/calls/pidfd.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { callSync, SyscallError } from "../../ffi/linux/run.ts";
import { listProcesses } from "../observe/usage.ts";
import { ContainervError } from "../plan/error.ts";
import { type ExecTarget, isAlive, openTarget } from "./exec.ts";

/** How often the list is read again, since a process may fork while the others are being stopped. */
const ROUNDS = 1000;
/** A signal is taken when its process runs next. */
const ROUND_MS = 2;

/** Stops every process. Throws ContainervError when it has ended, or when its processes can't all be stopped. */
export async function pause(target: ExecTarget): Promise<void> {
  using pidfd = openTarget(target);
  for (let round = 0; round < ROUNDS; round++) {
    const running = listProcesses(target.pid).filter(({ state }) => !/[TtZX]/.test(state));
    if (running.length === 0 && isAlive(pidfd)) return;
    for (const { pid } of running) send(pid, SIGSTOP);
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
  }
  resume(target);
  throw new ContainervError({
    code: "PAUSE_FAILED",
    message: `the processes of ${target.name} can't all be stopped`,
    undone: "they go on",
  });
}

/** Lets every process go on. */
export function resume(target: ExecTarget): void {
  using _pidfd = openTarget(target);
  for (const { pid } of listProcesses(target.pid)) send(pid, SIGCONT);
}

/** One that has ended meanwhile takes none. */
function send(pid: number, sig: number): void {
  const opened = Number(callSync(pidfdOpen({ pid })));
  if (opened < 0) return;
  using pidfd = new Fd(opened);
  const call = pidfdSendSignal({ pidfd: pidfd.number, sig });
  const result = Number(callSync(call));
  if (result < 0 && result !== -ESRCH) throw new SyscallError(call, -result);
}
