/** A keeper that says nothing, or stays though nothing is left to keep: it is killed by `down`, and that is said. */
import { SIGKILL } from "../../ffi/abi/signal.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { isKeeperSilent } from "../apply/keeper.ts";
import { identify, isAlive, openProcess, type ProcessIdentity } from "../state/identity.ts";
import type { ProjectView } from "./containers.ts";
import { signalProcess } from "./stop.ts";
import { childrenOfKeeper } from "./unrecorded.ts";

/** How long a keeper may take to answer: it does nothing that waits but for a disk. */
const ANSWER_MS = 3000;
/** How long it may take to end with its last container. */
const END_MS = 3000;
/** How long what was killed may take to be gone. */
const GONE_MS = 2000;

/** Kills a keeper that does not answer. Gives what is to be said of it; `undefined`: it answers, or there is none. */
export async function endSilentKeeper(
  { places, record, kept }: ProjectView,
): Promise<string | undefined> {
  const keeper = record?.keeper;
  if (!kept || keeper === undefined) return undefined;
  if (!await isKeeperSilent(places, ANSWER_MS)) return undefined;
  await killAndAwait(keeper);
  return `the keeper of ${places.key} (process ${keeper.pid}) did not answer within ${
    ANSWER_MS / 1000
  } s and was killed: what its containers wrote last is in no log`;
}

/**
 * The keeper ends with its last container: waited for, so that nothing of the project is left when `down` says so. One that does not
 * is killed, and what it still has as a child before: a stage that hangs. The caller holds the lock, and no container is recorded.
 */
export async function endIdleKeeper({ places, record }: ProjectView): Promise<string | undefined> {
  const keeper = record?.keeper;
  if (keeper === undefined || await isGone(keeper, END_MS)) return undefined;
  const killed = childrenOfKeeper(keeper.pid).filter((pid) => killChild(pid, keeper));
  const what = killed.length === 0
    ? ""
    : `, with its process${killed.length === 1 ? "" : "es"} ${killed.join(", ")}`;
  if (killed.length > 0 && await isGone(keeper, GONE_MS)) {
    return `process ${killed.join(", ")} of ${places.key}, which hung, was killed`;
  }
  await killAndAwait(keeper);
  return `the keeper of ${places.key} (process ${keeper.pid}) did not end within ${
    END_MS / 1000
  } s of its last container and was killed${what}`;
}

function killChild(pid: number, parent: ProcessIdentity): boolean {
  const child = identify(pid);
  using pidfd = child === undefined ? undefined : openProcess(child);
  if (pidfd === undefined || !isAlive(parent)) return false;
  const status = readFile(`/proc/${pid}/status`) ?? "";
  if (!new RegExp(`^PPid:\\s*${parent.pid}$`, "m").test(status)) return false;
  signalProcess(pidfd.number, SIGKILL);
  return true;
}

async function killAndAwait(process: ProcessIdentity): Promise<void> {
  using pidfd = openProcess(process);
  if (pidfd === undefined) return;
  signalProcess(pidfd.number, SIGKILL);
  await isGone(process, GONE_MS);
}

async function isGone(process: ProcessIdentity, withinMs: number): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; isAlive(process);) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return true;
}
