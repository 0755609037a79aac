/**
 * What a plan depends on of the machine, as one text that is compared and never parsed: a start that was planned before on
 * the same machine need not plan again (design rule 10). Short, since every start reads it: what is not in it (a
 * hierarchy that was unmounted, a new kernel) makes the stage fail, and then the plan is made anew.
 */
import { AT_FDCWD } from "../../ffi/abi/fcntl.ts";
import { fileVersion, modificationTime, readFile, readLink } from "../../ffi/linux/file.ts";
import { glance, glanceLinks } from "../../ffi/linux/glance.ts";

/**
 * Who a process is and what it may do, of its /proc/PID/status: from `Uid:` to the line before `FDSize:`, and from `CapEff:` to the line before
 * `CapAmb:`; each with the beginning of that line.
 */
export function identityParts(status: string): readonly [string, string] {
  const part = (from: string, to: string): string => {
    const start = status.indexOf(from);
    return status.slice(start, status.indexOf(to, start) + to.length);
  };
  return [part("\nUid:", "\nFDSize:"), part("\nCapEff:", "\nCapAmb:")];
}

/** Both parts: equal texts mean the same rights. */
export function identityIn(status: string): string {
  const [ids, capabilities] = identityParts(status);
  return ids + capabilities;
}

/**
 * Equal texts mean that the same spec gives the same plan. `switches`: the `cgroup.subtree_control` files that the plan
 * looked at, since what is on there decides what is switched off again afterwards. `watched`: archives that layers were
 * unpacked of, and the layers themselves.
 */
export function fingerprint(switches: readonly string[], watched: readonly string[] = []): string {
  const { HOME, XDG_DATA_HOME } = process.env;
  const own = "/proc/self";
  let text = identityIn(glance(`${own}/status`) ?? readFile(`${own}/status`) ?? "");
  // A root of another user namespace is another one.
  text += `\n${glanceLinks(`${own}/ns`, ["user"]) ?? readLink(`${own}/ns/user`)}`;
  // Changes whenever /bin, /lib and their like are made, removed or replaced.
  text += `\n${modificationTime(AT_FDCWD, "/")}\n${XDG_DATA_HOME}\n${HOME}`;
  for (const path of switches) text += `\n${path} ${readFile(path)}`;
  for (const path of watched) text += `\n${path} ${fileVersion(path)?.text}`;
  return text;
}
