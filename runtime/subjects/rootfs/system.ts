/** `host: system`: which parts of the host the default rootfs shows, all read-only, and the skeleton around them. */
import type { Origin } from "../../../spec/model/desired.ts";
import type { Host } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { SYSTEM_ROOTS } from "../../plan/system_roots.ts";

/**
 * Configuration that programs need and that holds no secret. Not here on purpose: shadow, gshadow, ssl/private,
 * ssh, sudoers, machine-id, hosts, hostname, resolv.conf, fstab, environment.
 */
const SYSTEM_ETC: readonly (readonly ["directory" | "file", string])[] = [
  ["file", "/etc/ld.so.cache"],
  ["file", "/etc/ld.so.conf"],
  ["directory", "/etc/ld.so.conf.d"],
  ["directory", "/etc/alternatives"],
  ["file", "/etc/passwd"],
  ["file", "/etc/group"],
  ["file", "/etc/nsswitch.conf"],
  ["file", "/etc/protocols"],
  ["file", "/etc/services"],
  ["file", "/etc/localtime"],
  ["file", "/etc/mime.types"],
  ["directory", "/etc/ssl/certs"],
  ["file", "/etc/ssl/openssl.cnf"],
  ["directory", "/etc/ca-certificates"],
  ["directory", "/etc/terminfo"],
];

/** Directories of a fresh root, parents first. */
const SKELETON: readonly (readonly [string, number])[] = [
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/etc/ssl", 0o755],
  ["/home", 0o755],
  ["/mnt", 0o755],
  ["/opt", 0o755],
  ["/proc", 0o555],
  ["/root", 0o700],
  ["/run", 0o755],
  ["/srv", 0o755],
  ["/sys", 0o555],
  ["/tmp", 0o1777],
  ["/var", 0o755],
  ["/var/tmp", 0o1777],
];

/** Directories that every root needs for what is mounted later. */
export const MOUNT_POINTS = ["/dev", "/proc", "/sys"] as const;

/** The skeleton and the binds; the root itself is mounted already. */
export function systemOps(
  host: Host,
  options: { origin: Origin; hostname: string },
): readonly Op[] {
  const common = { where: "container", origin: options.origin } as const;
  const ops: Op[] = SKELETON.map(([path, mode]) => ({
    ...common,
    kind: "directory",
    id: `rootfs${path}`,
    path,
    mode,
  }));
  for (const path of SYSTEM_ROOTS) ops.push(...systemRoot(path, host, common));
  for (const [target, path] of SYSTEM_ETC) {
    if (target === "directory") {
      ops.push({ ...common, kind: "directory", id: `rootfs${path}`, path, mode: 0o755 });
    }
    ops.push({
      ...common,
      kind: "mount.bind",
      id: `rootfs${path}/bind`,
      source: path,
      at: path,
      target,
      attributes: ["ro", "nosuid", "nodev"],
      optional: true,
    });
  }
  ops.push(...generatedFiles(options.hostname, common));
  return ops;
}

function systemRoot(
  path: string,
  host: Host,
  common: { where: "container"; origin: Origin },
): readonly Op[] {
  const entry = host.system[path];
  if (entry === undefined) return [];
  if (entry.kind === "symlink") {
    return [{ ...common, kind: "symlink", id: `rootfs${path}`, path, target: entry.target }];
  }
  return [
    { ...common, kind: "directory", id: `rootfs${path}`, path, mode: 0o755 },
    {
      ...common,
      kind: "mount.bind",
      id: `rootfs${path}/bind`,
      source: path,
      at: path,
      target: "directory",
      attributes: ["ro", "nosuid", "nodev"],
      optional: false,
    },
  ];
}

function generatedFiles(
  hostname: string,
  common: { where: "container"; origin: Origin },
): readonly Op[] {
  const file = (path: string, text: string): Op => ({
    ...common,
    kind: "file",
    id: `rootfs${path}`,
    path,
    mode: 0o644,
    text,
  });
  return [
    file("/etc/hostname", `${hostname}\n`),
    file("/etc/hosts", `127.0.0.1 localhost ${hostname}\n::1 localhost\n`),
  ];
}
