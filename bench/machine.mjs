/** The machine under the figures: what it is, and the set-up of cgroups that the peers need. */
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { CGROUP_PREFIX } from "./peers.mjs";

/** The absolute path of a program on PATH or in the usual system directories, or undefined. */
export function findProgram(name) {
  const usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
  for (const directory of [...(process.env.PATH ?? "").split(delimiter), ...usual]) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue; // not here: the next directory
    }
  }
  return undefined;
}

/**
 * Runs a program to its end.
 * @returns its stdout
 * @throws {Error} with its stderr when it does not exit with 0
 */
export function capture(argv, options = {}) {
  const [program, ...rest] = argv;
  const done = spawnSync(program, rest, { encoding: "utf8", maxBuffer: 1 << 28, ...options });
  if (done.error) throw new Error(`${argv.join(" ")}: ${done.error.message}`);
  if (done.status !== 0) {
    const how = done.signal ? `signal ${done.signal}` : `exit ${done.status}`;
    throw new Error(`${argv.join(" ")}: ${how}\n${done.stderr ?? ""}`.trimEnd());
  }
  return done.stdout ?? "";
}

/** Mounted cgroup hierarchies, from mountinfo(5): `{path, version, controllers}`. */
export function cgroupHierarchies(mountinfo = readFileSync("/proc/self/mountinfo", "utf8")) {
  const hierarchies = [];
  for (const line of mountinfo.trim().split("\n")) {
    const [before, after] = line.split(" - ");
    const path = before.split(" ")[4];
    const [type, , superOptions] = after.split(" ");
    if (type === "cgroup2") {
      const file = join(path, "cgroup.controllers");
      const controllers = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
      hierarchies.push({ path, version: 2, controllers: controllers.split(" ").filter(Boolean) });
    } else if (type === "cgroup") {
      const generic = new Set(["rw", "ro", "clone_children", "noprefix", "xattr", "favordynmods"]);
      const controllers = superOptions.split(",").filter((word) =>
        !generic.has(word) && !word.startsWith("release_agent=")
      );
      hierarchies.push({ path, version: 1, controllers });
    }
  }
  return hierarchies;
}

/** One line: `v1: cpu cpuacct memory …; v2 at /sys/fs/cgroup/unified: hugetlb`. */
export function describeCgroups(hierarchies) {
  const v1 = hierarchies.filter((one) => one.version === 1);
  const v2 = hierarchies.filter((one) => one.version === 2);
  const parts = [];
  if (v1.length > 0) parts.push(`v1: ${v1.map((one) => one.controllers.join(",")).join(" ")}`);
  for (const one of v2) {
    parts.push(`v2 at ${one.path}: ${one.controllers.join(" ") || "no controllers"}`);
  }
  return parts.join("; ") || "none mounted";
}

/**
 * crun refuses limits on a hybrid set-up while the unified hierarchy holds any controller ("cgroups in hybrid mode not supported, drop
 * all controllers from cgroupv2"). Mounting those controllers as v1 hierarchies takes them from it. Hierarchies are the machine's, mounts are
 * the namespace's: so this must run in a private mount namespace, and `undo` gives the controllers back.
 * @returns {{mounted: string[], undo: () => void}}
 */
export function freeUnifiedControllers(directory) {
  const hierarchies = cgroupHierarchies();
  const unified = hierarchies.find((one) => one.version === 2);
  const hybrid = hierarchies.some((one) => one.version === 1 && one.controllers[0] !== undefined);
  const mounted = [];
  const undo = () => {
    for (const path of mounted.splice(0)) {
      removeLeftGroups([{ path }]);
      capture(["umount", path]);
      rmdirSync(path);
    }
  };
  if (!unified || !hybrid) return { mounted, undo };
  try {
    for (const controller of unified.controllers) {
      // Named as the controller: runc takes the last part of the path for it.
      const path = join(directory, controller);
      mkdirSync(path, { recursive: true });
      capture(["mount", "-t", "cgroup", "-o", controller, controller, path]);
      mounted.push(path);
    }
  } catch (error) {
    undo();
    throw error;
  }
  return { mounted, undo };
}

/** Removes the groups that a killed run of an earlier benchmark left, each with at most one level below. */
export function removeLeftGroups(hierarchies = cgroupHierarchies()) {
  for (const { path } of hierarchies) {
    for (const name of readdirSync(path)) {
      if (!name.startsWith(CGROUP_PREFIX)) continue;
      const group = join(path, name);
      for (const entry of readdirSync(group, { withFileTypes: true })) {
        if (entry.isDirectory()) rmdirSync(join(group, entry.name));
      }
      rmdirSync(group);
    }
  }
}

/** The lines above every table: kernel, processors, memory, cgroups. */
export function describeMachine() {
  const processors = cpus();
  return {
    kernel: `Linux ${release()}`,
    cores: processors.length,
    processor: processors[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load: readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" "),
    cgroups: describeCgroups(cgroupHierarchies()),
  };
}

/** First line of what each program says of its version; when the file was written, for a stale build to show. */
export function versionsOf(programs) {
  const versions = {};
  for (const [name, path] of Object.entries(programs)) {
    const argv = name === "containerv" ? [path, "version"] : [path, "--version"];
    const built = name === "containerv" ? `, built ${statSync(path).mtime.toISOString()}` : "";
    versions[name] = capture(argv).split("\n")[0].trim() + built;
  }
  return versions;
}
