/** The command of each runner for the same container, as argv and what it needs around it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CAPABILITIES,
  HOSTNAME,
  LIMITS,
  makeSkeleton,
  MASKED_PATHS,
  READONLY_PATHS,
} from "./rootfs.mjs";

const ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
/** One level deep: a killed run leaves one directory per hierarchy, which machine.mjs removes by this prefix. */
export const CGROUP_PREFIX = "containerv-bench-";

/** The OCI runtime document (config.json, runtime-spec 1.0) of the container, for the runtime `name`. */
function ociConfig(name, { rootfs, argv, lean }) {
  return {
    ociVersion: "1.0.0",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: argv,
      env: ENVIRONMENT,
      cwd: "/",
      capabilities: {
        bounding: CAPABILITIES,
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
      },
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: HOSTNAME,
    mounts: ociMounts(rootfs, lean),
    linux: {
      cgroupsPath: `/${CGROUP_PREFIX}${name}`,
      resources: {
        memory: { limit: LIMITS.memoryBytes },
        pids: { limit: LIMITS.pids },
      },
      namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
    },
  };
}

function ociMounts({ binds }, lean) {
  const locked = ["nosuid", "noexec", "nodev"];
  const mount = (destination, { type, options }) => ({ destination, type, source: type, options });
  return [
    ...binds.map(({ path }) => ({
      destination: path,
      type: "bind",
      source: path,
      options: ["bind", "ro", "nosuid", "nodev"],
    })),
    mount("/proc", { type: "proc", options: locked }),
    mount("/sys", { type: "sysfs", options: [...locked, "ro"] }),
    // Like containerv, which mounts the hierarchies that hold its limits; these two mount all there are.
    ...(lean
      ? []
      : [mount("/sys/fs/cgroup", { type: "cgroup", options: [...locked, "relatime", "ro"] })]),
    mount("/dev", { type: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
    mount("/dev/pts", {
      type: "devpts",
      options: [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
        "gid=5",
      ],
    }),
    mount("/dev/shm", { type: "tmpfs", options: [...locked, "mode=1777", "size=65536k"] }),
    mount("/dev/mqueue", { type: "mqueue", options: locked }),
  ];
}

/** Writes the bundle of `name` that runs `argv`, below `directory`; returns its path. */
export function writeBundle(name, { directory, rootfs, argv, lean }) {
  const bundle = join(directory, `bundle-${name}`);
  makeSkeleton(join(bundle, "rootfs"), rootfs);
  writeFileSync(
    join(bundle, "config.json"),
    JSON.stringify(ociConfig(name, { rootfs, argv, lean }), null, 2),
  );
  return bundle;
}

/**
 * bwrap has no limits, makes no sysfs (the host's is bound read-only) and no masks beyond its own of /proc.
 * It makes the root in a fresh tmpfs, as containerv does.
 */
export function bwrapArguments({ links, binds }, argv) {
  return [
    "--unshare-pid",
    "--unshare-uts",
    "--unshare-ipc",
    "--unshare-net",
    "--unshare-cgroup",
    "--as-pid-1",
    ["--hostname", HOSTNAME],
    ...binds.map(({ path }) => ["--ro-bind", path, path]),
    ...links.map(({ path, target }) => ["--symlink", target, path]),
    ["--proc", "/proc"],
    ["--ro-bind", "/sys", "/sys"],
    ["--dev", "/dev"],
    ["--tmpfs", "/dev/shm"],
    ["--mqueue", "/dev/mqueue"],
    ["--dir", "/tmp"],
    ["--chdir", "/"],
    "--clearenv",
    ["--setenv", "PATH", ENVIRONMENT[0].slice("PATH=".length)],
    ["--cap-drop", "ALL"],
    ...CAPABILITIES.map((name) => ["--cap-add", name]),
    ...argv,
  ].flat();
}

/**
 * One entry per peer that is installed.
 * @param options `directory` takes the bundles; `argv` is what runs in the container; `lean`: crun and runc
 *   mount no /sys/fs/cgroup
 * @param programs absolute paths by name, of those found
 * @returns {{name: string, argv: string[], note?: string}[]}
 */
export function peerCommands(programs, { directory, rootfs, argv, lean }) {
  mkdirSync(directory, { recursive: true });
  const commands = [];
  for (const name of ["crun", "runc"]) {
    if (!programs[name]) continue;
    const bundle = writeBundle(name, { directory, rootfs, argv, lean });
    commands.push({
      name,
      argv: [programs[name], "run", "--bundle", bundle, `${CGROUP_PREFIX}${name}`],
    });
  }
  if (programs.bwrap) {
    commands.push({
      name: "bwrap",
      argv: [programs.bwrap, ...bwrapArguments(rootfs, argv)],
      note: "no limits, no cgroup, host's sysfs bound, no masked paths below /sys",
    });
  }
  return commands;
}
