/**
 * What a run could leave behind on the machine, as lists of text: taken before and after, the two must be the same.
 *
 * As a program: `world.ts snapshot FILE`, `world.ts diff FILE [WITHIN_MS]` (exit 1 and a line per difference).
 */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE } from "./cli.ts";

export interface World {
  /** `ROOT MOUNTPOINT FSTYPE SOURCE` of each mount of the host. */
  readonly mounts: readonly string[];
  /** The top directories of every cgroup hierarchy, and all whose path names containerv. */
  readonly cgroups: readonly string[];
  readonly links: readonly string[];
  /** `PID COMM`: descendants of the tester, and whoever else can only be a container's or a stage. */
  readonly processes: readonly string[];
  /** `NUMBER TARGET` of the tester's open files. */
  readonly fds: readonly string[];
  /** Files of records on disk (not the cache, which is meant to stay). */
  readonly state: readonly string[];
}

export interface WorldOptions {
  /** Whose descendants and files are listed. Default: this process. */
  readonly tester?: number;
  /** False leaves the list of open files empty. */
  readonly fds?: boolean;
}

/** Runs `read`; what vanished or is not ours to see meanwhile is `fallback`. */
function gone<T>(read: () => T, fallback: T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EACCES", "ENOTDIR", "ENODEV", "EPERM"].includes(code ?? "")) {
      return fallback;
    }
    throw error;
  }
}

function mountLines(): string[][] {
  const own = () => readFileSync("/proc/self/mountinfo", "utf8");
  // The host's view: this process may sit in a mount namespace of its own.
  const text = gone(() => readFileSync("/proc/1/mountinfo", "utf8"), "") || own();
  return text.split("\n").filter(Boolean).map((line) => line.split(" "));
}

function mounts(): string[] {
  return mountLines().map((fields) => {
    const dash = fields.indexOf("-");
    return [fields[3], fields[4], fields[dash + 1], fields[dash + 2]].join(" ");
  }).sort();
}

function directoriesBelow(path: string, found: string[] = []): string[] {
  for (const entry of gone(() => readdirSync(path, { withFileTypes: true }), [])) {
    if (!entry.isDirectory()) continue;
    const child = join(path, entry.name);
    found.push(child);
    directoriesBelow(child, found);
  }
  return found;
}

/** Every group at the top of its hierarchy, and whatever bears our name at any depth: below the others' tops others work. */
function cgroups(): string[] {
  const roots = mountLines()
    .filter((fields) => /^cgroup2?$/.test(fields[fields.indexOf("-") + 1] ?? ""))
    .map((fields) => fields[4] ?? "");
  const all = roots.flatMap((path) =>
    directoriesBelow(path).filter((found) => dirname(found) === path || /containerv/.test(found))
  );
  return [...new Set(all)].sort();
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

function processTable(): ProcessEntry[] {
  const table: ProcessEntry[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = gone(() => readFileSync(`/proc/${name}/stat`, "utf8"), "");
    // The name is in parentheses and may itself contain some: the last one ends it.
    const end = stat.lastIndexOf(")");
    if (end < 0) continue;
    const [state, parent] = stat.slice(end + 2).split(" ");
    if (state === "Z" || state === "X") continue;
    const comm = stat.slice(stat.indexOf("(") + 1, end);
    table.push({ pid: Number(name), parent: Number(parent), name: comm });
  }
  return table;
}

/** A process of a container or a stage, whoever its parent is now: an orphan has lost its ancestry. */
function isContainers(pid: number, ownNamespace: string): boolean {
  const exe = gone(() => readlinkSync(`/proc/${pid}/exe`), "");
  if (/^\/memfd:.*(containerv|stage)/.test(exe)) return true;
  const groups = gone(() => readFileSync(`/proc/${pid}/cgroup`, "utf8"), "");
  if (groups.includes("/containerv/")) return true;
  const namespace = gone(() => readlinkSync(`/proc/${pid}/ns/pid`), ownNamespace);
  return namespace !== ownNamespace;
}

function processes(tester: number): string[] {
  const table = processTable();
  const namespace = readlinkSync("/proc/self/ns/pid");
  const family = new Set([tester]);
  for (let before = 0; before !== family.size;) {
    before = family.size;
    for (const { pid, parent } of table) {
      if (family.has(parent) && pid !== process.pid) family.add(pid);
    }
  }
  return table
    .filter(({ pid }) => pid !== tester && pid !== process.pid)
    .filter(({ pid }) => family.has(pid) || isContainers(pid, namespace))
    .map(({ pid, name }) => `${pid} ${name}`);
}

function fds(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return gone(() => readdirSync(directory), [])
    .map((name) => `${name} ${gone(() => readlinkSync(join(directory, name)), "")}`)
    // The list itself was read through one.
    .filter((line) => !line.endsWith(" ") && !line.endsWith(directory));
}

function filesBelow(path: string): string[] {
  return gone(() => readdirSync(path, { withFileTypes: true }), []).flatMap((entry) => {
    const child = join(path, entry.name);
    if (!entry.isDirectory()) return [child];
    // A directory without anything in it is a place where something was kept, no record.
    const inside = filesBelow(child);
    return inside.length === 0 ? [] : [child, ...inside];
  });
}

function state(): string[] {
  const home = process.env["HOME"] ?? "/";
  const roots = [
    "/run/containerv",
    "/var/lib/containerv",
    join(process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.geteuid?.() ?? 0}`, "containerv"),
    join(process.env["XDG_STATE_HOME"] ?? join(home, ".local/state"), "containerv"),
  ];
  // An empty file of locks, which stays.
  return roots.flatMap(filesBelow).filter((path) => path !== "/run/containerv/ids").sort();
}

/** Reads all of it; takes a few ms. */
export function snapshotWorld(options: WorldOptions = {}): World {
  const tester = options.tester ?? process.pid;
  return {
    mounts: mounts(),
    cgroups: cgroups(),
    links: readdirSync("/sys/class/net").sort(),
    processes: processes(tester),
    fds: options.fds === false ? [] : fds(tester),
    state: state(),
  };
}

/** One line per thing that is in one and not in the other, counted (two equal mounts are two). Empty = unchanged. */
export function diffWorld(before: World, after: World): string[] {
  const lines: string[] = [];
  for (const kind of Object.keys(before) as (keyof World)[]) {
    const rest = [...after[kind]];
    for (const item of before[kind]) {
      const index = rest.indexOf(item);
      if (index >= 0) rest.splice(index, 1);
      else if (kind !== "processes") lines.push(`- ${kind}: ${item}`);
    }
    lines.push(...rest.map((item) => `+ ${kind}: ${item}`));
  }
  return lines;
}

/**
 * `diffWorld` against now, repeated until it is empty or `withinMs` (default 3000, `PATIENCE` times) is over: the kernel ends namespaces and
 * groups some time after the last process is reaped.
 */
export async function settledDiff(
  before: World,
  options: WorldOptions & { readonly withinMs?: number } = {},
): Promise<string[]> {
  const deadline = performance.now() + (options.withinMs ?? 3000 * PATIENCE);
  for (;;) {
    const lines = diffWorld(before, snapshotWorld(options));
    if (lines.length === 0 || performance.now() >= deadline) return lines;
    await sleep(20);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const [verb, path = "", within = "3000"] = args;
  // The caller's own files change while it runs its tests: only a test itself can compare those.
  const options = { tester: process.ppid, fds: false };
  if (verb === "snapshot") {
    writeFileSync(path, JSON.stringify(snapshotWorld(options)));
    return;
  }
  if (verb !== "diff") throw new Error("usage: world.ts snapshot|diff FILE [WITHIN_MS]");
  const before = JSON.parse(readFileSync(path, "utf8")) as World;
  const settled = await settledDiff(before, { ...options, withinMs: Number(within) });
  for (const line of settled) console.log(line);
  if (settled.length > 0) process.exitCode = 1;
}

if (import.meta.main) await main(process.argv.slice(2));
