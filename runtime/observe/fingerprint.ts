/**
 * All that a plan depends on of the machine, as one text that is compared and never parsed: a start that was planned before
 * on the same machine need not plan again (design rule 10).
 */
import { entryKind, readFile, readLink } from "../../ffi/linux/file.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";

/** Lines of /proc/self/status that say who the runner is and what it may. */
const IDENTITY = /^(?:Uid|Gid|CapEff|CapBnd):.*$/gm;

/** Read in a few calls; equal texts mean that `observeHost` would give equal Hosts. */
export function fingerprint(): string {
  const identity = (readFile("/proc/self/status") ?? "").match(IDENTITY) ?? [];
  const mountinfo = readFile("/proc/self/mountinfo") ?? "";
  // Mount ids change with every mount of the machine; only the cgroup hierarchies matter.
  const hierarchies = mountinfo.split("\n").filter((line) => line.includes(" - cgroup"));
  const unified = / (\/\S*) \S+ - cgroup2 /.exec(` ${hierarchies.join("\n")}`)?.[1];
  return [
    readFile("/proc/sys/kernel/random/boot_id") ?? "",
    readFile("/proc/self/uid_map") ?? "",
    ...identity,
    ...hierarchies.map((line) => line.slice(line.indexOf(" / "))),
    unified === undefined ? "" : readFile(`${unified}/cgroup.subtree_control`) ?? "",
    ...SYSTEM_ROOTS.map((path) => readLink(path) ?? entryKind(path) ?? ""),
    process.env["XDG_DATA_HOME"] ?? "",
    process.env["HOME"] ?? "",
  ].join("\n");
}
