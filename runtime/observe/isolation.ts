/** The effective isolation of a process, from proc(5): what the kernel holds, not what was asked for. Changes nothing. */
import { readdirSync } from "node:fs";
import { CAP_LAST_CAP, capabilityNames } from "../../ffi/abi/capability.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { readFile, readLink } from "../../ffi/linux/file.ts";
import type {
  Isolation,
  IsolationCapabilities,
  IsolationGroup,
  IsolationIdRange,
  IsolationNamespace,
  IsolationRlimit,
} from "../plan/isolation.ts";
import { type MountEntry, parseMountinfo } from "./mountinfo.ts";

/** `undefined`: there is no such process. */
export function observeIsolation(pid: number): Isolation | undefined {
  const unreadable: string[] = [];
  const text = (name: string): string => {
    try {
      return readFile(`/proc/${pid}/${name}`) ?? "";
    } catch (error) {
      // Another user's process, or a kernel without the file's feature (attr/current gives EINVAL).
      if (!(error instanceof SyscallError)) throw error;
      unreadable.push(name);
      return "";
    }
  };
  const status = parseStatus(text("status"));
  if (status.size === 0) return undefined;
  const label = text("attr/current").replace(/\0?\n?$/, "");
  const mounts = parseMountinfo(text("mountinfo"));
  return {
    pid,
    insidePids: numbers(status.get("NSpid")).slice(1),
    argv: text("cmdline").split("\0").slice(0, -1),
    state: status.get("State")?.split(" ").slice(1).join(" ").replace(/[()]/g, "") ?? "",
    namespaces: namespacesOf(pid, unreadable),
    cgroups: groupsOf(text("cgroup")),
    mounts: mounts.map(({ at, fs, source, root, options, superOptions }) => ({
      at,
      fs,
      source,
      root,
      options,
      superOptions,
    })),
    ids: {
      uids: numbers(status.get("Uid")),
      gids: numbers(status.get("Gid")),
      groups: numbers(status.get("Groups")),
      uidMap: parseIdMap(text("uid_map")),
      gidMap: parseIdMap(text("gid_map")),
    },
    capabilities: capabilitiesOf(status),
    noNewPrivileges: status.get("NoNewPrivs") === "1",
    seccomp: {
      mode: (["off", "strict", "filter"] as const)[Number(status.get("Seccomp") ?? 0)] ?? "filter",
      filters: Number(status.get("Seccomp_filters") ?? 0),
    },
    landlock: "unknown",
    ...(label === "" ? {} : { label }),
    rlimits: parseLimits(text("limits")),
    oomScoreAdjust: Number(text("oom_score_adj")),
    umask: status.get("Umask") ?? "",
    files: filesOf(pid, unreadable),
    unreadable: [...new Set(unreadable.filter((name) => name !== "attr/current"))],
  };
}

function parseStatus(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split("\n").filter((line) => line.includes(":")).map((line) => {
      const at = line.indexOf(":");
      return [line.slice(0, at), line.slice(at + 1).trim()] as const;
    }),
  );
}

function numbers(text: string | undefined): readonly number[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "").map(Number);
}

/** `inside outside count` a line, user_namespaces(7). */
export function parseIdMap(text: string): readonly IsolationIdRange[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [inside = 0, outside = 0, count = 0] = numbers(line);
    return { inside, outside, count };
  });
}

const SETS = {
  bounding: "CapBnd",
  permitted: "CapPrm",
  effective: "CapEff",
  inheritable: "CapInh",
  ambient: "CapAmb",
} as const;

function capabilitiesOf(status: ReadonlyMap<string, string>): IsolationCapabilities {
  const names = (key: string) => {
    const mask = BigInt(`0x${status.get(key) ?? "0"}`);
    const newer: `bit ${number}`[] = [];
    for (let bit = CAP_LAST_CAP + 1; bit < 64; bit++) {
      if ((mask >> BigInt(bit)) & 1n) newer.push(`bit ${bit}`);
    }
    return [...capabilityNames(mask), ...newer];
  };
  return {
    bounding: names(SETS.bounding),
    permitted: names(SETS.permitted),
    effective: names(SETS.effective),
    inheritable: names(SETS.inheritable),
    ambient: names(SETS.ambient),
  };
}

/** Entries of a directory of /proc; what is another user's is noted and empty. */
function entries(path: string, unreadable: string[]): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return [];
    if (code !== "EACCES" && code !== "EPERM") throw error;
    unreadable.push(path.slice(path.lastIndexOf("/") + 1));
    return [];
  }
}

function link(path: string, unreadable: string[]): string | undefined {
  try {
    return readLink(path);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    unreadable.push(path.split("/").slice(3).join("/"));
    return undefined;
  }
}

/** `mnt:[4026531841]` → its inode; ours with the same one is shared. */
function namespacesOf(pid: number, unreadable: string[]): readonly IsolationNamespace[] {
  return entries(`/proc/${pid}/ns`, unreadable)
    // These two say what children will be in.
    .filter((type) => !type.endsWith("_for_children"))
    .flatMap((type) => {
      const found = link(`/proc/${pid}/ns/${type}`, unreadable);
      const inode = Number(/\[(\d+)\]/.exec(found ?? "")?.[1]);
      if (!Number.isInteger(inode)) return [];
      return [{ type, inode, host: found === readLink(`/proc/self/ns/${type}`) }];
    });
}

function filesOf(pid: number, unreadable: string[]): Isolation["files"] {
  return entries(`/proc/${pid}/fd`, unreadable).map(Number).sort((a, b) => a - b)
    .flatMap((fd) => {
      const target = link(`/proc/${pid}/fd/${fd}`, unreadable);
      return target === undefined ? [] : [{ fd, target }];
    });
}

/** Files of a group that say what is allowed, and how much is used. */
const KNOBS = new RegExp(
  "^(?:" + [
    "memory\\.(?:max|high|low|min|current|swap\\.max|oom\\.group)",
    "memory\\.(?:limit|soft_limit|usage|memsw\\.limit)_in_bytes",
    "pids\\.(?:max|current)",
    "cpu\\.(?:max|weight|shares|cfs_quota_us|cfs_period_us)",
    "cpuset\\.(?:cpus|mems)",
    "io\\.(?:max|weight)",
    "blkio\\.throttle\\.\\w+_device",
    "hugetlb\\.\\w+\\.(?:max|limit_in_bytes)",
    "(?:rdma|misc)\\.max",
    "devices\\.list",
    "cgroup\\.freeze",
  ].join("|") + ")$",
);

/** /proc/PID/cgroup: `ID:CONTROLLERS:PATH` a line, cgroups(7); the root of a hierarchy holds nothing. */
function groupsOf(text: string): readonly IsolationGroup[] {
  const mounts = parseMountinfo(readFile("/proc/self/mountinfo") ?? "");
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, list = "", ...rest] = line.split(":");
    const path = rest.join(":");
    const controllers = list === "" ? [] : list.split(",");
    const version = list === "" ? 2 : 1;
    const mount = mountOf(mounts, controllers);
    const values = path === "/" || mount === undefined ? {} : knobsOf(`${mount}${path}`);
    return { controllers, version, path, values };
  });
}

function mountOf(mounts: readonly MountEntry[], controllers: readonly string[]) {
  const [first] = controllers;
  const found = first === undefined
    ? mounts.find(({ fs }) => fs === "cgroup2")
    : mounts.find(({ fs, superOptions }) => fs === "cgroup" && superOptions.includes(first));
  return found?.at;
}

function knobsOf(group: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const file of entries(group, []).filter((name) => KNOBS.test(name)).toSorted()) {
    const value = readKnob(`${group}/${file}`);
    if (value !== undefined && value !== "") values[file] = value;
  }
  return values;
}

function readKnob(path: string): string | undefined {
  try {
    return readFile(path)?.trim().replaceAll("\n", "; ");
  } catch (error) {
    // A knob whose feature is off (memsw without swap accounting).
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

/** Names of proc_pid_limits(5) → those of setrlimit(2). */
const RLIMITS: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max address space": "as",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

/** /proc/PID/limits: four columns, the first with blanks in it. */
export function parseLimits(text: string): readonly IsolationRlimit[] {
  return text.split("\n").slice(1).flatMap((line) => {
    const found = /^(Max .*?) {2,}(\S+)\s+(\S+)\s*(\S*)/.exec(line);
    if (found === null) return [];
    const [, label = "", soft = "", hard = "", unit = ""] = found;
    return [{ name: RLIMITS[label] ?? label, soft, hard, unit }];
  });
}
