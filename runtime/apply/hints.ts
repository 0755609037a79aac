/** What to do about a failed call: a table of (kind of operation, errno) → fix. Pure. */
import {
  EACCES,
  EAGAIN,
  EBUSY,
  EINVAL,
  ELOOP,
  EMFILE,
  ENODEV,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ENOSPC,
  ENOSYS,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESRCH,
  EWOULDBLOCK,
} from "../../ffi/abi/errno.ts";
import type { Op, OpKind } from "../plan/ops/registry.ts";

interface Hint {
  readonly kind: OpKind | "any";
  readonly errno: number;
  /** Only for operations of which this is true. */
  readonly when?: (op: Op) => boolean;
  readonly fix: string;
}

const wantsUser = (op: Op): boolean => op.kind === "clone" && op.namespaces.includes("user");

/** The first row that fits is taken. */
export const HINTS: readonly Hint[] = [
  {
    kind: "clone",
    errno: EPERM,
    when: wantsUser,
    fix: "user namespaces are denied to ordinary users here; permit them: " +
      "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 " +
      "(a name that sysctl does not know can be left out), or run as root",
  },
  {
    kind: "clone",
    errno: ENOSPC,
    fix:
      "the machine allows no more namespaces; permit them: sudo sysctl -w user.max_user_namespaces=10000 " +
      "(and user.max_mnt_namespaces, user.max_pid_namespaces, user.max_net_namespaces)",
  },
  { kind: "clone", errno: EPERM, fix: "this needs CAP_SYS_ADMIN: run as root" },
  { kind: "clone", errno: EAGAIN, fix: "the process limit is reached: see ulimit -u and pids.max" },
  {
    kind: "time",
    errno: EINVAL,
    fix: "this kernel was built without time namespaces (CONFIG_TIME_NS): take `time:` out",
  },
  {
    kind: "idmap",
    errno: EPERM,
    fix: "the kernel lets this user map no ids; run as root, or permit user namespaces",
  },
  {
    kind: "idmap",
    errno: EACCES,
    fix: "AppArmor may deny it: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    kind: "cgroup.make",
    errno: EROFS,
    fix: "the cgroup file system is read-only here (a container?): take `limits:` out",
  },
  {
    kind: "cgroup.make",
    errno: EACCES,
    fix: "the cgroup is not delegated to this user: run as root, or take `limits:` out",
  },
  {
    kind: "cgroup.write",
    errno: EINVAL,
    fix: "the kernel does not take this value: see the limit's description in containerv schema",
  },
  {
    kind: "cgroup.write",
    errno: EBUSY,
    fix: "the group is in use in a way that excludes this limit",
  },
  {
    kind: "cgroup.write",
    errno: ENOENT,
    fix:
      "this kernel has no such file: it was built without this limit, or without accounting for it",
  },
  {
    kind: "cgroup.write",
    errno: EOPNOTSUPP,
    fix: "the disk's scheduler knows no weights: set bfq, or io.cost, for it",
  },
  {
    kind: "cgroup.devices",
    errno: EINVAL,
    fix: "this kernel was built without CONFIG_CGROUP_BPF: take limits.devices out",
  },
  {
    kind: "rlimit",
    errno: EPERM,
    fix:
      "to raise a hard limit takes CAP_SYS_RESOURCE, which this process lacks (and nofile ends at " +
      "fs.nr_open): ask for at most what `ulimit -Ha` shows",
  },
  {
    kind: "oom_score",
    errno: EACCES,
    fix: "to go below the runner's own score takes CAP_SYS_RESOURCE, which this process lacks: " +
      "see /proc/self/oom_score_adj",
  },
  { kind: "ioprio", errno: EPERM, fix: "the class realtime takes CAP_SYS_NICE or CAP_SYS_ADMIN" },
  {
    kind: "scheduler",
    errno: EPERM,
    fix:
      "to be favoured takes CAP_SYS_NICE; with cgroup v1 a real-time policy takes cpu.rt_runtime_us " +
      "of the group too",
  },
  {
    kind: "join.namespaces",
    errno: ESRCH,
    fix: "the container ended at this moment: start it first",
  },
  { kind: "affinity", errno: EINVAL, fix: "none of these CPUs is there, or in limits.cpuset" },
  {
    kind: "sysctl",
    errno: ENOENT,
    fix: "this kernel has no such parameter in a container: its module may not be loaded",
  },
  { kind: "sysctl", errno: EINVAL, fix: "the kernel does not take this value" },
  {
    kind: "layer.map",
    errno: EINVAL,
    when: (op) => op.kind === "layer.map" && op.fd !== undefined,
    fix:
      "images of this kind can't be id-mapped on this kernel (erofs since Linux 5.19, squashfs since 6.2): unpack it and use " +
      "{dir: …}, or say `userns: host`",
  },
  {
    kind: "layer.map",
    errno: EINVAL,
    when: (op) => op.kind === "layer.map" && op.recursive === true,
    fix:
      "the file system of the root, or one that is mounted below it, can't be id-mapped on this kernel (an overlay never, tmpfs since " +
      "Linux 6.3): give the tree to the ids that the container has outside (chown), put it on ext4, xfs or btrfs, or say `userns: host`",
  },
  {
    kind: "layer.map",
    errno: EINVAL,
    fix:
      "the file system of the layer can't be id-mapped on this kernel (an overlay never, tmpfs since Linux 6.3): put it on " +
      "ext4, xfs or btrfs, or say `userns: host`",
  },
  {
    kind: "upper",
    errno: EWOULDBLOCK,
    fix: "another container uses this disk: give this one another name",
  },
  {
    kind: "mount.new",
    errno: EPERM,
    fix:
      "the kernel refuses this mount to a user namespace; a masked /proc or /sys on the host has this effect",
  },
  { kind: "mount.new", errno: ENODEV, fix: "the kernel lacks this file system: load its module" },
  {
    kind: "volume.open",
    errno: EINVAL,
    when: (op) => op.kind === "volume.open" && op.owner !== undefined,
    fix:
      "the source's file system (or one mounted below it) can't be id-mapped on this kernel: leave `owner:` out, " +
      "or give the source to the container's user with chown",
  },
  {
    kind: "volume.open",
    errno: ELOOP,
    fix: "a symbolic link lies on the way to the source: write where it leads",
  },
  { kind: "volume.open", errno: ENOENT, fix: "make the source, or say create: true" },
  {
    kind: "volume.attach",
    errno: EROFS,
    fix:
      "the place is missing and can't be made there: make it in the layer, or mount it elsewhere",
  },
  {
    kind: "volume.attach",
    errno: ENOTDIR,
    fix: "a directory can only be mounted on a directory, a file only on a file",
  },
  { kind: "mount.bind", errno: ENOENT, fix: "make the directory, or correct its path" },
  {
    kind: "mount.overlay",
    errno: ENOENT,
    fix: "a layer is not there: make the directory, or correct its path",
  },
  { kind: "mount.overlay", errno: ENOTDIR, fix: "a layer must be a directory" },
  {
    kind: "mount.overlay",
    errno: ELOOP,
    fix: "one layer lies inside another: mount it with at: instead",
  },
  {
    kind: "mount.overlay",
    errno: EINVAL,
    when: (op) => op.kind === "mount.overlay" && op.lowers.includes("/"),
    fix:
      "the host's root is an overlay itself, and the kernel stacks no more of them: use {host: system}, " +
      "or give the other layer an at:",
  },
  {
    kind: "mount.overlay",
    errno: EINVAL,
    fix: "this file system can't carry the upper layer: use writable: tmpfs, or false",
  },
  {
    kind: "directory",
    errno: EROFS,
    fix: "the root can't be written and lacks this directory: make it in the layer",
  },
  {
    kind: "workdir",
    errno: ENOENT,
    fix: "make the directory in a layer, or correct `workdir:`",
  },
  { kind: "workdir", errno: ENOTDIR, fix: "`workdir:` must be a directory" },
  {
    kind: "workdir",
    errno: ELOOP,
    fix: "`workdir:` leads through a link of /proc: name the directory itself",
  },
  {
    kind: "execute",
    errno: ENOENT,
    fix: "is it in the rootfs? `containerv run -- ls -l /usr/bin` shows what there is",
  },
  { kind: "execute", errno: EACCES, fix: "make the file executable: chmod +x" },
  {
    kind: "execute",
    errno: ENOEXEC,
    fix: "the file is no program for this machine, or a script without its #! line",
  },
  { kind: "execute", errno: EAGAIN, fix: "the user has too many processes: see rlimits" },
  {
    kind: "any",
    errno: ENOSYS,
    fix: "the kernel lacks this call: 5.15 or newer is needed, see doctor",
  },
  { kind: "any", errno: EMFILE, fix: "too many files are open: raise ulimit -n" },
  {
    kind: "any",
    errno: ENOMEM,
    fix: "the machine, or this process's memory limit, has no memory left",
  },
  { kind: "any", errno: ENOSPC, fix: "there is no space left: see df and the limits of this user" },
  { kind: "any", errno: EPERM, fix: "run as root, or see `containerv doctor`" },
];

/** What to do, when the table knows it. */
export function hintFor(op: Op, errno: number): string | undefined {
  return HINTS.find((hint) =>
    hint.errno === errno && (hint.kind === op.kind || hint.kind === "any") &&
    (hint.when === undefined || hint.when(op))
  )?.fix;
}
