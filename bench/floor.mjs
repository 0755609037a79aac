/** The list that floor.c reads: the same rootfs, limits and groups as the library's run of true.yaml. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CGROUP_PREFIX } from "./peers.mjs";
import { CAPABILITIES, HOSTNAME, LIMITS, MASKED_PATHS, READONLY_PATHS } from "./rootfs.mjs";

/** linux/capability.h */
const CAPABILITY_NUMBERS = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_NET_BIND_SERVICE: 10,
  CAP_SYS_CHROOT: 18,
  CAP_SETFCAP: 31,
};

/** Directories of the root that are mount points or empty. The masked and read-only ones are the kernel's. */
const DIRECTORIES = ["/etc", "/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/var/tmp"];

/** The files of a limit: cgroup v1, cgroup v2. */
const LIMIT_FILES = {
  memory: { 1: "memory.limit_in_bytes", 2: "memory.max", value: LIMITS.memoryBytes },
  pids: { 1: "pids.max", 2: "pids.max", value: LIMITS.pids },
};

/**
 * The group lines: only the hierarchies that hold a controller that is asked for.
 * @throws {Error} when a controller is on no mounted hierarchy
 */
export function groupLines(hierarchies) {
  const lines = [];
  const made = new Set();
  for (const [controller, files] of Object.entries(LIMIT_FILES)) {
    const hierarchy = hierarchies.find((one) => one.controllers.includes(controller));
    if (!hierarchy) throw new Error(`the controller ${controller} is on no mounted hierarchy`);
    const group = join(hierarchy.path, `${CGROUP_PREFIX}floor`);
    if (!made.has(group)) {
      lines.push(`group ${group}`, `${hierarchy.version === 2 ? "into" : "join"} ${group}`);
      made.add(group);
    }
    lines.push(`limit ${join(group, files[hierarchy.version])} ${files.value}`);
  }
  return lines;
}

/** Writes the list to `path`. `rootfs` is that of rootfs.mjs, `hierarchies` that of machine.mjs. */
export function writeFloorList(path, { rootfs, hierarchies }) {
  const lines = [
    ...groupLines(hierarchies),
    ...DIRECTORIES.map((directory) => `directory ${directory}`),
    ...rootfs.binds.map((bind) => `bind ${bind.path}`),
    ...rootfs.links.map((link) => `link ${link.path} ${link.target}`),
    ...MASKED_PATHS.map((masked) => `mask ${masked}`),
    ...READONLY_PATHS.map((readonly) => `readonly ${readonly}`),
    ...CAPABILITIES.map((name) => `keep ${CAPABILITY_NUMBERS[name]}`),
    `hostname ${HOSTNAME}`,
    "exec /bin/true",
  ];
  writeFileSync(path, lines.join("\n") + "\n");
}

/**
 * On a pure v2 machine the root group must hand the controllers down before a child can have limits. Enables
 * those that are off.
 * @returns a function that switches exactly those off again
 */
export function enableV2Controllers(hierarchies) {
  const undo = [];
  for (const { path, version, controllers } of hierarchies) {
    const file = join(path, "cgroup.subtree_control");
    if (version !== 2 || !existsSync(file)) continue;
    const enabled = readFileSync(file, "utf8").trim().split(" ");
    for (const controller of Object.keys(LIMIT_FILES)) {
      if (!controllers.includes(controller) || enabled.includes(controller)) continue;
      writeFileSync(file, `+${controller}`);
      undo.push(() => writeFileSync(file, `-${controller}`));
    }
  }
  return () => undo.splice(0).reverse().forEach((step) => step());
}
