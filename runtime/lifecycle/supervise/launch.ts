/** Starts and ends a project's supervisor. */
import { O_CLOEXEC, O_PATH, O_RDWR } from "../../../ffi/abi/fcntl.ts";
import { SIGTERM } from "../../../ffi/abi/signal.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { awaitChild } from "../../../ffi/linux/children.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { SyscallError } from "../../../ffi/linux/error.ts";
import { memoryFile } from "../../../ffi/linux/memory_file.ts";
import { spawnFile } from "../../../ffi/linux/spawn.ts";
import { ContainervError } from "../../plan/error.ts";
import { isAlive, openProcess } from "../../state/identity.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { readSupervisor } from "../../state/supervised.ts";
import { signalProcess } from "../stop.ts";
import { ownProgram } from "../own_program.ts";
import type { SupervisorOrder } from "./supervisor.ts";

/** The hidden command that is a supervisor. */
export const SUPERVISE_COMMAND = "supervise";

/** How long a supervisor that lives may take to say that it is there: a machine may be emulated, or have much to do. */
const COMES_MS = 30_000;
/** How long one may take to end. */
const ENDS_MS = 5000;
const LOOK_MS = 5;

/** Pid of the project's supervisor while it runs. */
export function supervisorOf(places: ProjectPlaces): number | undefined {
  const who = readSupervisor(places)?.process;
  return who !== undefined && isAlive(who) ? who.pid : undefined;
}

/**
 * Ends the supervisor that there is; its work is the caller's from then on. It is missed until another is there, or `forgetSupervisor`
 * says that none is needed: the caller may be killed before.
 */
export async function endSupervisor(places: ProjectPlaces): Promise<void> {
  const who = readSupervisor(places)?.process;
  using pidfd = who === undefined ? undefined : openProcess(who);
  if (who === undefined || pidfd === undefined) return;
  signalProcess(pidfd.number, SIGTERM);
  await until(() => !isAlive(who), ENDS_MS);
}

/** Starts one; gives its pid. Throws ContainervError when it does not come up. */
export async function startSupervisor(order: SupervisorOrder): Promise<number> {
  let pid: number;
  try {
    pid = spawnSelf([SUPERVISE_COMMAND], { input: JSON.stringify(order) });
  } catch (error) {
    if (error instanceof SyscallError) throw noSupervisor(error.message);
    throw error;
  }
  // Whoever stays for longer than it would keep what is left of it.
  let hasEnded = false;
  awaitChild(pid, { keepAlive: false }).then(() => hasEnded = true, () => {});
  const isThere = (): boolean => supervisorOf(order.places) === pid;
  await until(() => hasEnded || isThere(), COMES_MS);
  if (!isThere()) {
    throw noSupervisor(hasEnded ? "it ended at once" : "it did not come up");
  }
  return pid;
}

function noSupervisor(why: string): ContainervError {
  return new ContainervError({
    code: "NO_SUPERVISOR",
    message: `cannot start the project's supervisor: ${why}`,
    fix: "containerv up -d tries it again; until then nothing is checked or restarted",
  });
}

export interface SelfOptions {
  readonly input?: string;
  /** Takes what it writes; absent: nobody reads it. */
  readonly output?: Fd;
  /** Besides ours. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** This very program once more, with nothing of ours open. Gives its pid. Throws SyscallError. */
export function spawnSelf(args: readonly string[], options: SelfOptions = {}): number {
  const { input = "", output, environment } = options;
  const [program = "", ...words] = ownProgram();
  using file = Fd.open(openat({ pathname: program, flags: O_PATH | O_CLOEXEC }));
  using given = new Fd(memoryFile("containerv-order", new TextEncoder().encode(input)));
  using none = Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  return spawnFile({
    fd: file.number,
    argv: [program, ...words, ...args],
    environment: Object.entries({ ...process.env, ...environment })
      .map(([name, value]) => `${name}=${value ?? ""}`),
    fds: [
      { from: given.number, to: 0 },
      { from: (output ?? none).number, to: 1 },
      { from: (output ?? none).number, to: 2 },
    ],
  });
}

async function until(holds: () => boolean, withinMs: number): Promise<void> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline;) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
