/**
 * What every runner of the comparison is asked for: one description, from which peers.mjs writes the OCI bundle and the
 * bwrap command line, and floor.c gets its table. It says what containerv's `host: system` is;
 * the files of /etc are taken from containerv's own plan when it can be asked (etcOfPlan).
 */
import {
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Top-level names of /usr-merged systems: made as the host has them, a symlink or a read-only bind. */
const SYSTEM_NAMES = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** As containerv's `host: system` (runtime/subjects/rootfs/system.ts); used while its plan can't be asked. */
export const ETC_DEFAULT = [
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/alternatives",
  "/etc/passwd",
  "/etc/group",
  "/etc/nsswitch.conf",
  "/etc/protocols",
  "/etc/services",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/ca-certificates",
  "/etc/terminfo",
];

export const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

export const READONLY_PATHS = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** podman's default set. */
export const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

export const LIMITS = { memoryBytes: 64 * 1024 * 1024, pids: 16 };
export const HOSTNAME = "bench-true";

/** The paths of /etc that a plan (`containerv plan --json`, parsed) binds, in its order. */
export function etcOfPlan(plan) {
  return plan.ops
    .filter(({ kind, source }) => kind === "mount.bind" && source.startsWith("/etc/"))
    .map(({ source }) => source);
}

/**
 * @param etc paths below /etc; those that do not exist on this host are left out, symlinks are followed
 * @returns {{links: {path: string, target: string}[], binds: {path: string, directory: boolean}[]}}
 *   `links`: symlinks of the container's root; `binds`: host paths bound read-only at the same path
 */
export function describeRootfs(etc) {
  const links = [];
  const binds = [{ path: "/usr", directory: true }];
  for (const name of SYSTEM_NAMES) {
    const path = `/${name}`;
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status?.isSymbolicLink()) links.push({ path, target: readlinkSync(path) });
    else if (status) binds.push({ path, directory: true });
  }
  for (const path of etc) {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status) binds.push({ path, directory: status.isDirectory() });
  }
  return { links, binds };
}

/**
 * The directory that crun and runc get as root: every mount point and symlink is there already, so that
 * they make none. containerv and bwrap build theirs in a fresh tmpfs at each start.
 */
export function makeSkeleton(root, { links, binds }) {
  rmSync(root, { recursive: true, force: true });
  for (const path of ["/proc", "/sys", "/dev", "/tmp", "/run", "/root", "/etc", "/var/tmp"]) {
    mkdirSync(join(root, path), { recursive: true });
  }
  for (const { path, directory } of binds) {
    mkdirSync(join(root, directory ? path : dirname(path)), { recursive: true });
    if (!directory) writeFileSync(join(root, path), "");
  }
  for (const { path, target } of links) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
}
