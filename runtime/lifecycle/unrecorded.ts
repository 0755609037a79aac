/** Processes that no record names: what a start left that was killed together with its stage. Changes nothing. */
import { listDirectory } from "../../ffi/linux/directory.ts";
import { readFile, readLink } from "../../ffi/linux/file.ts";
import { SyscallError } from "../../ffi/linux/run.ts";
import { identify } from "../state/identity.ts";
import type { ContainerPlaces } from "../state/places.ts";
import type { ContainerView, ProjectView } from "./containers.ts";

/** Descriptors by which a process shows whose it is: the streams of a stage and of a pump, and what a pump is told by. */
const TELLING_FDS = [0, 1, 2, 3];
/** USER_HZ of every architecture that Linux has been on since 2.6. */
const TICKS_PER_SECOND = 100;

/**
 * Pids of children of the keeper that nobody will ever record. The caller holds the project's lock, so nobody starts anything: such a
 * process is of a container whose start was not finished, and younger than the record of that. Who moves the output of another
 * container's terminal or copies its files, and what another container left behind in a pid namespace that is not its own, is not.
 */
export function unrecordedOf({ record, kept, containers }: ProjectView): readonly number[] {
  const keeper = record?.keeper?.pid;
  const left = containers.filter(({ state }) => state === "starting");
  if (keeper === undefined || !kept || left.length === 0) return [];
  const known = new Set(containers.map((one) => one.record?.process?.pid));
  const others = containers.filter((one) => !left.includes(one));
  const sinceMs = Math.min(...left.map((one) => one.record?.created ?? 0));
  const hosts = ["self", String(keeper)].map(mountsOf);
  return childrenOfKeeper(keeper)
    .filter((pid) => !known.has(pid) && !hosts.includes(mountsOf(String(pid))))
    .filter((pid) => !isOf(pid, others) && isYounger(pid, sinceMs));
}

/** Pids of its children, as the kernel lists them. */
export function childrenOfKeeper(keeper: number): readonly number[] {
  const children = readFile(`/proc/${keeper}/task/${keeper}/children`) ?? "";
  return children.split(" ").filter((text) => text !== "").map(Number);
}

/**
 * Pids of processes that have a pipe of the container as one of their streams, whoever's children they are by now: of one that is not
 * running they are what a start left.
 */
export function holdersOf({ directory }: Pick<ContainerPlaces, "directory">): readonly number[] {
  return listDirectory("/proc").flatMap(({ name }) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const isHolder = TELLING_FDS.some((fd) => linkOf(pid, fd).startsWith(`${directory}/`));
    return isHolder ? [pid] : [];
  });
}

function linkOf(pid: number, fd: number): string {
  try {
    return readLink(`/proc/${pid}/fd/${fd}`) ?? "";
  } catch (error) {
    // It is another user's, or has ended.
    if (error instanceof SyscallError) return "";
    throw error;
  }
}

/** Which mount namespace it is in: in that of the host is no process of a container. `undefined`: it is not ours to see, or has ended. */
function mountsOf(pid: string): string | undefined {
  try {
    return readLink(`/proc/${pid}/ns/mnt`);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

/** True when it has a pipe of one of the containers open, has ended, or can't be looked at: what is not told apart is let alone. */
function isOf(pid: number, containers: readonly ContainerView[]): boolean {
  try {
    const open = TELLING_FDS.map((fd) => readLink(`/proc/${pid}/fd/${fd}`) ?? "");
    return containers.some(({ places }) =>
      open.some((path) => path.startsWith(`${places.directory}/`))
    );
  } catch (error) {
    if (error instanceof SyscallError) return true;
    throw error;
  }
}

/** Start times are in hundredths of a second; a clock that was set meanwhile is not looked for. */
function isYounger(pid: number, sinceMs: number): boolean {
  const startTicks = identify(pid)?.startTicks;
  const uptime = Number(readFile("/proc/uptime")?.split(" ")[0]);
  if (startTicks === undefined) return false;
  const startedMs = Date.now() - (uptime - startTicks / TICKS_PER_SECOND) * 1000;
  return startedMs + 1000 > sinceMs;
}
