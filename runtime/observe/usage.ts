/** What a container that runs uses: from its groups where it has some, else counted over its processes. Changes nothing. */
import { readdirSync } from "node:fs";
import { readFile, readLink } from "../../ffi/linux/file.ts";
import { groupsOfProcess } from "./joinable.ts";

/** What a container uses. */
export interface Usage {
  /** User and system time since its start. */
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  /** Absent: no limit. */
  readonly memoryLimitBytes?: number;
  readonly processes: number;
  readonly processLimit?: number;
  /** When it was read. */
  readonly time: Date;
}

/** A process of a container. */
export interface ProcessUsage {
  /** The host's number. */
  readonly pid: number;
  /** Its number in the container. */
  readonly inside: number;
  /** The effective user, as the host counts. */
  readonly uid: number;
  /** R, S, D, T, Z, … */
  readonly state: string;
  readonly cpuMicroseconds: number;
  readonly memoryBytes: number;
  /** Its command line; its name in brackets where it has none. */
  readonly command: string;
}

/** USER_HZ is 100 on every architecture that is supported. */
const TICK_MICROSECONDS = 10_000;
const KIB = 1024;

/** Every process in the pid namespace of `pid`, by its number inside. */
export function listProcesses(pid: number): readonly ProcessUsage[] {
  const namespace = linkOf(pid);
  if (namespace === undefined) return [];
  const found: ProcessUsage[] = [];
  for (const name of readdirSync("/proc")) {
    const one = Number(name);
    if (!Number.isInteger(one) || linkOf(one) !== namespace) continue;
    const usage = usageOf(one);
    if (usage !== undefined) found.push(usage);
  }
  return found.sort((a, b) => a.inside - b.inside);
}

/** A process that has ended, or is not ours to look at, has none. */
function linkOf(pid: number): string | undefined {
  try {
    return readLink(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

function readOf(pid: number, file: string): string {
  try {
    return readFile(`/proc/${pid}/${file}`) ?? "";
  } catch {
    return ""; // it ended meanwhile
  }
}

function usageOf(pid: number): ProcessUsage | undefined {
  const status = readOf(pid, "status");
  const stat = readOf(pid, "stat");
  const end = stat.lastIndexOf(")");
  if (status === "" || end < 0) return undefined;
  const field = (name: string): string[] =>
    new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.split(/\s+/) ?? [];
  const fields = stat.slice(end + 2).split(" ");
  const words = readOf(pid, "cmdline").split("\0").filter((word) => word !== "");
  return {
    pid,
    inside: Number(field("NSpid").at(-1) ?? pid),
    uid: Number(field("Uid")[1] ?? 0),
    state: fields[0] ?? "?",
    // proc_pid_stat(5): utime 14, stime 15, counted from the state, which is 3
    cpuMicroseconds: (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS,
    memoryBytes: Number(field("VmRSS")[0] ?? 0) * KIB,
    command: words.join(" ") || `[${stat.slice(stat.indexOf("(") + 1, end)}]`,
  };
}

/** What the container of that first process uses. */
export function observeUsage({ pid }: { readonly pid: number }): Usage {
  const groups = groupsOfProcess(pid).filter(({ path }) => path.includes("/containerv/"));
  const read = (file: string): string | undefined => {
    for (const { path } of groups) {
      const text = readFile(`${path}/${file}`);
      if (text !== undefined) return text.trim();
    }
    return undefined;
  };
  const processes = listProcesses(pid);
  const sum = (of: (one: ProcessUsage) => number): number =>
    processes.reduce((total, one) => total + of(one), 0);
  const number = (text: string | undefined): number | undefined =>
    text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
  const nanoseconds = number(read("cpuacct.usage"));
  const v2 = number(/^usage_usec (\d+)/m.exec(read("cpu.stat") ?? "")?.[1]);
  const limit = number(read("memory.max") ?? read("memory.limit_in_bytes"));
  const pids = number(read("pids.max"));
  return {
    cpuMicroseconds: v2 ??
      (nanoseconds === undefined ? sum((one) => one.cpuMicroseconds) : nanoseconds / 1000),
    memoryBytes: number(read("memory.current") ?? read("memory.usage_in_bytes")) ??
      sum((one) => one.memoryBytes),
    ...(limit === undefined || limit >= UNLIMITED ? {} : { memoryLimitBytes: limit }),
    processes: number(read("pids.current")) ?? processes.length,
    ...(pids === undefined ? {} : { processLimit: pids }),
    time: new Date(),
  };
}

/** cgroup v1 says no limit as the largest multiple of a page. */
const UNLIMITED = 2 ** 62;
