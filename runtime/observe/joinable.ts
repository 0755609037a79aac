/** Looks at a process that is to be joined: its namespaces, groups and rights, against our own. Changes nothing. */
import { readFile, readLink } from "../../ffi/linux/file.ts";
import type { Joinable } from "../plan/host.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** Names below /proc/PID/ns, and what the plan calls them. */
const NAMESPACES = [
  ["user", "user"],
  ["mnt", "mount"],
  ["pid", "pid"],
  ["net", "net"],
  ["uts", "uts"],
  ["ipc", "ipc"],
  ["cgroup", "cgroup"],
] as const;

/** `undefined` when the process has ended, or is not ours to look at. */
export function observeJoinable(pid: number, privileged: boolean): Joinable | undefined {
  const namespaces: string[] = [];
  for (const [file, name] of NAMESPACES) {
    const theirs = linkOf(`/proc/${pid}/ns/${file}`);
    if (theirs === undefined) return undefined;
    if (theirs !== linkOf(`/proc/self/ns/${file}`)) namespaces.push(name);
  }
  const bounding = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFile(`/proc/${pid}/status`) ?? "")?.[1];
  if (bounding === undefined) return undefined;
  const setgroups = namespaces.includes("user")
    ? readFile(`/proc/${pid}/setgroups`)?.trim() === "allow"
    : privileged;
  return { namespaces, bounding, groups: groupsOf(pid, privileged), setgroups };
}

/** A link of /proc that can't be read names a process that is gone, or another user's. */
function linkOf(path: string): string | undefined {
  try {
    return readLink(path);
  } catch {
    return undefined;
  }
}

/** A line of /proc/PID/cgroup: controllers (none: version 2) and path. */
function parseGroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers !== undefined && path !== undefined) groups.set(controllers, path);
  }
  return groups;
}

/**
 * Root joins every group that differs, so that what it starts counts as the container's; others only groups that are
 * containerv's, because a session's own can't be left without right.
 */
function groupsOf(pid: number, privileged: boolean): Joinable["groups"] {
  const own = parseGroups(readFile("/proc/self/cgroup") ?? "");
  return directoriesOf(
    [...parseGroups(readFile(`/proc/${pid}/cgroup`) ?? "")].filter(([controllers, path]) =>
      own.get(controllers) !== path && (privileged || path.includes("/containerv/"))
    ),
  );
}

/** The directories of the groups that a process is in. */
export function groupsOfProcess(pid: number): Joinable["groups"] {
  return directoriesOf([...parseGroups(readFile(`/proc/${pid}/cgroup`) ?? "")]);
}

function directoriesOf(groups: readonly (readonly [string, string])[]): Joinable["groups"] {
  if (groups.length === 0) return [];
  const mounts = parseMountinfo(readFile("/proc/self/mountinfo") ?? "");
  return groups.flatMap(([controllers, path]) => {
    const mount = mounts.find(({ fs, superOptions }) =>
      controllers === ""
        ? fs === "cgroup2"
        : fs === "cgroup" && controllers.split(",").every((name) => superOptions.includes(name))
    );
    if (mount === undefined) return [];
    const below = mount.root === "/" ? path : withoutPrefix(path, mount.root);
    if (below === undefined || below.split("/").includes("..")) return [];
    return [{ path: `${mount.at}${below}`, version: controllers === "" ? 2 : 1 } as const];
  });
}

function withoutPrefix(path: string, prefix: string): string | undefined {
  return path === prefix || path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
}

/** `undefined`: one of them has ended, or is not ours to look at. `kind`: as the spec calls it. */
export function inSameNamespace(pid: number, other: number, kind: string): boolean | undefined {
  const file = kind === "network" ? "net" : kind;
  const [one, two] = [pid, other].map((each) => linkOf(`/proc/${each}/ns/${file}`));
  return one === undefined || two === undefined ? undefined : one === two;
}
