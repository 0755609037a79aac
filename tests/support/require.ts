/**
 * What a test needs of the machine, as reasons: `test("…", { skip: missing(root(), tool("strace")) }, …)`.
 *
 * A reason that holds is also appended to the file `CONTAINERV_SKIP_LOG`, because no runner reports reasons the same way;
 * tools/run_tests.mjs counts a skip without a logged reason as a failure.
 */
import { spawnSync } from "node:child_process";
import { accessSync, appendFileSync, constants, existsSync, readFileSync } from "node:fs";
import { arch, release } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Why a test can't run here; undefined = nothing is in its way. */
export type Reason = string | undefined;

/** The value of a test's `skip`: the reasons, joined; false when there is none. */
export function missing(...reasons: readonly Reason[]): string | false {
  const held = reasons.filter((reason) => reason !== undefined);
  if (held.length === 0) return false;
  const text = held.join("; ");
  const log = process.env["CONTAINERV_SKIP_LOG"];
  if (log !== undefined) appendFileSync(log, `${text}\n`);
  return text;
}

/** Full path of a program in PATH (and in the sbin directories, which an ordinary user's PATH lacks). */
export function findTool(name: string): string | undefined {
  const path = `${process.env["PATH"] ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`;
  for (const directory of path.split(delimiter)) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "EACCES" && code !== "ENOTDIR") throw error;
    }
  }
  return undefined;
}

export function tool(name: string): Reason {
  return findTool(name) === undefined ? `needs the program ${name}` : undefined;
}

export function root(): Reason {
  return process.geteuid?.() === 0 ? undefined : "needs root";
}

export function linux(): Reason {
  return process.platform === "linux" ? undefined : "needs Linux";
}

/** Node's word for the processor: `x64`, `arm64`. */
export function processor(name: string): Reason {
  return arch() === name ? undefined : `needs a ${name} processor`;
}

export function file(path: string): Reason {
  return existsSync(path) ? undefined : `needs ${path}`;
}

/** `kernel("6.12")`: for what can't be probed; prefer a probe. */
export function kernel(least: string): Reason {
  const parts = (text: string) => text.split(/[.-]/, 2).map(Number);
  const [haveMajor = 0, haveMinor = 0] = parts(release());
  const [major = 0, minor = 0] = parts(least);
  const enough = haveMajor > major || (haveMajor === major && haveMinor >= minor);
  return enough ? undefined : `needs Linux ${least}`;
}

/** An ordinary user may make a user namespace and become root in it. Tried, since sysctls and LSMs both can forbid it. */
export function userns(): Reason {
  const unshare = findTool("unshare");
  if (unshare === undefined) return "needs the program unshare";
  const asUser = process.geteuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const result = spawnSync(unshare, ["-Ur", "true"], { cwd: "/", ...asUser });
  if (result.error !== undefined) throw result.error;
  return result.status === 0 ? undefined : "needs user namespaces for ordinary users";
}

/** The controller is offered by a mounted hierarchy of either version. */
export function controller(name: string): Reason {
  const enabled = readFileSync("/proc/cgroups", "utf8").split("\n").some((line) => {
    const [controllerName, , , on] = line.split("\t");
    return controllerName === name && on === "1";
  });
  return enabled ? undefined : `needs the cgroup controller ${name}`;
}

/** Loads their module: where nothing makes nodes for modules that are not there yet, as in a bare machine, it brings the node. */
export function loopDevices(): Reason {
  const isThere = () => existsSync("/dev/loop-control");
  const modprobe = findTool("modprobe");
  if (!isThere() && modprobe !== undefined) spawnSync(modprobe, ["loop"]);
  return isThere() ? undefined : "needs loop devices";
}

/** For tests of one runtime; both run them all otherwise. */
export function runtime(name: "bun" | "deno"): Reason {
  return name.replace(/^./, (c) => c.toUpperCase()) in globalThis ? undefined : `is for ${name}`;
}

/** What an earlier step must have made, as `dist/containerv`. */
export function built(path: string): Reason {
  return existsSync(path) ? undefined : `needs ${path} (npm run build)`;
}
