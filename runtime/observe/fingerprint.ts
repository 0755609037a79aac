/**
 * What a plan depends on of the machine, as one text that is compared and never parsed: a start that was planned before on
 * the same machine need not plan again (design rule 10). What is not in it (a hierarchy that was unmounted meanwhile)
 * makes the stage fail, and then the plan is made anew.
 */
import { AT_FDCWD } from "../../ffi/abi/fcntl.ts";
import { modificationTime, readFile } from "../../ffi/linux/file.ts";

/** From `Uid:` to the line before `Groups:`, and from `CapEff:` to the line before `CapAmb:`. */
function identity(status: string): string {
  const part = (from: string, to: string): string => {
    const start = status.indexOf(from);
    return status.slice(start, status.indexOf(to, start));
  };
  return part("\nUid:", "\nFDSize:") + part("\nCapEff:", "\nCapAmb:");
}

/** Equal texts mean that the same spec gives the same plan. */
export function fingerprint(): string {
  return [
    readFile("/proc/sys/kernel/random/boot_id"),
    identity(readFile("/proc/self/status") ?? ""),
    readFile("/proc/self/uid_map"),
    // Changes whenever /bin, /lib and their like are made, removed or replaced.
    modificationTime(AT_FDCWD, "/"),
    // What is on in the unified hierarchy decides what is switched off again afterwards.
    readFile("/sys/fs/cgroup/cgroup.subtree_control"),
    readFile("/sys/fs/cgroup/unified/cgroup.subtree_control"),
    process.env["XDG_DATA_HOME"],
    process.env["HOME"],
  ].join("\n");
}
