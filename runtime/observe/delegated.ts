/** The group of cgroup v2 that this user may make groups in: its own, when somebody with rights gave it away. Changes nothing. */
import { O_CLOEXEC, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { HostCgroups } from "../plan/host.ts";

type Unified = NonNullable<HostCgroups["v2"]>;

/**
 * Last component of the group that processes are moved into: a group with processes of its own can't give its controllers to
 * groups below it (cgroup-v2.rst, "No Internal Process Constraint").
 */
export const LEAF = "containerv.processes";

/** Where this process is in the v2 hierarchy, seen from where that is mounted. */
export function ownGroup({ mount }: Pick<Unified, "mount">): string | undefined {
  const path = /^0::(\/.*)$/m.exec(readFile("/proc/self/cgroup") ?? "")?.[1];
  // Above the root of a cgroup namespace nothing can be named.
  if (path === undefined || path.startsWith("/..")) return undefined;
  return path === "/" ? mount : `${mount}${path}`;
}

/** The group that is this user's, and what it can give; or why there is none. */
export function observeDelegated(
  unified: Pick<Unified, "mount" | "controllers"> | undefined,
): NonNullable<Unified["delegated"]> | { readonly why: string } {
  if (unified === undefined) {
    return { why: "only cgroup v2 can be delegated, and it is not mounted" };
  }
  if (unified.controllers.length === 0) {
    return {
      why: "the controllers of this machine are on cgroup v1, and only v2 can be delegated",
    };
  }
  const own = ownGroup(unified);
  if (own === undefined) return { why: "this process's group can't be seen from here" };
  // An earlier run has moved us there, or our shell.
  const path = own.endsWith(`/${LEAF}`) ? own.slice(0, -LEAF.length - 1) : own;
  const name = path.slice(unified.mount.length) || "/";
  for (const file of ["cgroup.procs", "cgroup.subtree_control"]) {
    if (!writable(`${path}/${file}`)) return { why: `the group ${name} is not this user's` };
  }
  const words = (file: string): readonly string[] =>
    (readFile(`${path}/${file}`) ?? "").split(/\s+/).filter((word) => word !== "");
  const controllers = words("cgroup.controllers");
  if (controllers.length === 0) {
    return { why: `the group ${name} is this user's, but no controller is on in it` };
  }
  return { path, controllers, enabled: words("cgroup.subtree_control") };
}

/** True when the file opens for writing; opening writes nothing. */
function writable(pathname: string): boolean {
  const fd = Number(callSync(openat({ pathname, flags: O_WRONLY | O_CLOEXEC })));
  if (fd < 0) return false;
  callSync(close({ fd }));
  return true;
}
