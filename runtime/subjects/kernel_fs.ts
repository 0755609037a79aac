/** /proc, /sys, /dev and what lies in them; hidden and read-only paths. The OCI defaults, and some more. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Host } from "../plan/host.ts";
import type { Held } from "../plan/op.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { GroupPlace } from "./limits/compile.ts";
import { DEFAULT } from "./origin.ts";
import { sysctlOps } from "./process.ts";
import { type Inside, TTY_GROUP } from "./userns.ts";

/** Character devices that every program may expect: path, major, minor. Documentation/admin-guide/devices.txt. */
const DEVICES: readonly (readonly [string, number, number])[] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

const DEVICE_LINKS: readonly (readonly [string, string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/ptmx", "pts/ptmx"],
];

/** The union of what other runtimes hide; each tells about the host or acts on it. */
const HIDDEN: readonly (readonly ["directory" | "file", string])[] = [
  ["directory", "/proc/acpi"],
  ["directory", "/proc/asound"],
  ["directory", "/proc/scsi"],
  // Its control is root's by mode alone: no capability is asked for.
  ["directory", "/proc/dynamic_debug"],
  ["file", "/proc/interrupts"],
  ["file", "/proc/kcore"],
  ["file", "/proc/keys"],
  ["file", "/proc/latency_stats"],
  ["file", "/proc/sched_debug"],
  ["file", "/proc/timer_list"],
  ["file", "/proc/timer_stats"],
  ["directory", "/sys/devices/virtual/powercap"],
  ["directory", "/sys/firmware"],
];

const READ_ONLY = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
] as const;

const common = { where: "container", origin: DEFAULT } as const;

/** What is in one of the three is looked up from its mount; the three themselves are kept open for that. */
function heldPart(path: string): { readonly hold?: Held; readonly below?: Held } {
  const top = HELD.find((one) => path === one || path.startsWith(`${one}/`));
  if (top === undefined) return {};
  return top === path ? { hold: top } : { below: top };
}

const HELD: readonly Held[] = ["/proc", "/sys", "/dev"];

/** Everything of the kernel that is mounted into the root. */
export function compileKernelFs(
  container: DesiredContainer,
  host: Inside,
  groups: readonly GroupPlace[],
): readonly Op[] {
  return [
    filesystem("proc", "/proc", { attributes: ["nosuid", "nodev", "noexec"] }),
    ...sysOps(container, host),
    ...groupMounts(container, host, groups),
    ...devOps(host),
    // Before the shields: they make /proc/sys read-only.
    ...sysctlOps(container),
    ...shields(),
  ];
}

type NewOp = Extract<Op, { kind: "mount.new" }>;

function filesystem(
  fs: string,
  at: string,
  how: Partial<Pick<NewOp, "options" | "attributes">> = {},
): NewOp {
  return {
    ...common,
    kind: "mount.new",
    id: `kernel${at}`,
    fs,
    at,
    ...heldPart(at),
    options: how.options ?? [],
    attributes: how.attributes ?? ["nosuid", "nodev", "noexec"],
  };
}

/** sysfs shows the network namespace that it was mounted in: with the host's network it can only be a bind. */
function sysOps(container: DesiredContainer, host: Host): readonly Op[] {
  const attributes = ["ro", "nosuid", "nodev", "noexec"] as const;
  if (container.network.mode === "host" && !host.privileged) return [bindOp("/sys", attributes)];
  return [filesystem("sysfs", "/sys", { attributes })];
}

function bindOp(path: string, attributes: Extract<Op, { kind: "mount.bind" }>["attributes"]): Op {
  const target = "directory";
  const what = { source: path, at: path, target, attributes, optional: false } as const;
  return { ...common, kind: "mount.bind", id: `kernel${path}/bind`, ...what, ...heldPart(path) };
}

/** Programs read their limits from /sys/fs/cgroup; through the cgroup namespace they see their own group as root. */
function groupMounts(
  container: DesiredContainer,
  host: Host,
  groups: readonly GroupPlace[],
): readonly Op[] {
  const attributes = ["ro", "nosuid", "nodev", "noexec"] as const;
  const unified = host.cgroups.v2?.mount === "/sys/fs/cgroup";
  if (container.network.mode === "host" && !host.privileged) return [];
  if (unified) return [filesystem("cgroup2", "/sys/fs/cgroup", { attributes })];
  const v1 = groups.filter((group) => group.version === 1);
  if (v1.length === 0) return [];
  return [
    filesystem("tmpfs", "/sys/fs/cgroup", {
      options: [["mode", "0755"], ["size", "65536"]],
      attributes: ["nosuid", "nodev", "noexec"],
    }),
    ...v1.flatMap((group): Op[] => {
      // A hierarchy can only be mounted again with all the controllers that it has.
      const controllers = Object.keys(host.cgroups.v1).filter((name) =>
        host.cgroups.v1[name] === group.mount
      );
      const path = `/sys/fs/cgroup/${controllers.join(",")}`;
      return [
        {
          ...common,
          kind: "directory",
          id: `kernel${path}/make`,
          path,
          mode: 0o555,
          below: "/sys",
        },
        filesystem("cgroup", path, {
          options: controllers.map((name) => [name] as const),
          attributes,
        }),
      ];
    }),
    {
      ...common,
      kind: "mount.readonly",
      id: "kernel/sys/fs/cgroup/ro",
      at: "/sys/fs/cgroup",
      below: "/sys",
    },
  ];
}

function devOps(host: Inside): readonly Op[] {
  const dev = filesystem("tmpfs", "/dev", {
    options: [["mode", "0755"], ["size", "65536"]],
    attributes: ["nosuid", "noexec"],
  });
  const directories = ["/dev/pts", "/dev/shm", "/dev/mqueue"].map((path): Op => ({
    ...common,
    kind: "directory",
    id: `kernel${path}/make`,
    path,
    mode: 0o755,
    below: "/dev",
  }));
  const links = DEVICE_LINKS.map(([path, target]): Op => ({
    ...common,
    kind: "symlink",
    id: `kernel${path}`,
    path,
    target,
    below: "/dev",
  }));
  return [
    dev,
    ...DEVICES.map((device) => deviceOp(device, host)),
    ...directories,
    ...links,
    filesystem("devpts", "/dev/pts", {
      // The group tty has no id in a user namespace that does not map it.
      options: [
        ["newinstance"],
        ["ptmxmode", "0666"],
        ["mode", "0620"],
        ...(host.hasTtyGroup ?? host.privileged ? [["gid", `${TTY_GROUP}`] as const] : []),
      ],
      attributes: ["nosuid", "noexec"],
    }),
    filesystem("tmpfs", "/dev/shm", { options: [["mode", "1777"], ["size", "67108864"]] }),
    filesystem("mqueue", "/dev/mqueue"),
  ];
}

/** A node of its own; in a user namespace, where mknod is denied, the host's by a bind. */
function deviceOp([name, major, minor]: typeof DEVICES[number], host: Host): Op {
  const path = `/dev/${name}`;
  const id = `kernel${path}`;
  if (host.privileged) {
    return { ...common, kind: "device", id, path, mode: 0o666, major, minor, below: "/dev" };
  }
  return {
    ...common,
    kind: "mount.bind",
    id,
    source: path,
    at: path,
    target: "file",
    attributes: ["nosuid", "noexec"],
    optional: false,
    below: "/dev",
  };
}

function shields(): readonly Op[] {
  return [
    ...HIDDEN.map(([what, at]): Op => ({
      ...common,
      kind: "mount.shield",
      id: `shield${at}`,
      how: what === "file" ? "hide file" : "hide directory",
      at,
      ...heldPart(at),
    })),
    ...READ_ONLY.map((at): Op => ({
      ...common,
      kind: "mount.shield",
      id: `shield${at}`,
      how: "read-only",
      at,
      ...heldPart(at),
    })),
  ];
}
