/**
 * What a kernel may have or lack: one table, which `doctor` shows, docs/kernel-features.md prints and a test proves. A probe
 * tries; it never concludes from a version. It changes nothing.
 */
import { EINVAL, ENOSYS, EPERM, errnoName } from "../../ffi/abi/errno.ts";
import { AT_FDCWD } from "../../ffi/abi/fcntl.ts";
import type { Syscall } from "../../ffi/calls/call.ts";
import { entryKind, readFile } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";

export interface FeatureAnswer {
  readonly state: "yes" | "no" | "unknown";
  /** What was seen. */
  readonly detail?: string;
}

export interface Feature {
  readonly name: string;
  /** First kernel that has it; absent: it is a matter of configuration. */
  readonly since?: string;
  /** What it is used for. */
  readonly use: string;
  /** Without it: what to do, or what is lost. */
  readonly without: string;
  /** Without it nothing runs. */
  readonly required: boolean;
  readonly probe: () => FeatureAnswer;
}

/** A call with arguments that can do nothing: ENOSYS says that the kernel lacks it, anything else that it has it. */
function hasCall(name: string, words: readonly number[]): () => FeatureAnswer {
  return () => {
    const call: Syscall = { name, words, text: words.map(String) };
    const result = Number(callSync(call));
    if (result === -ENOSYS) return { state: "no", detail: "ENOSYS" };
    if (result === -EPERM) return { state: "unknown", detail: "EPERM: a filter may hide it" };
    return { state: "yes" };
  };
}

/** A sysctl that must not have the value that forbids. */
function sysctl(path: string, forbids: string): () => FeatureAnswer {
  return () => {
    const value = readFile(`/proc/sys/${path.replaceAll(".", "/")}`)?.trim();
    if (value === undefined) return { state: "yes", detail: "not restricted by this kernel" };
    return { state: value === forbids ? "no" : "yes", detail: `${path} = ${value}` };
  };
}

function hasPath(path: string): () => FeatureAnswer {
  return () => ({ state: entryKind(path) === undefined ? "no" : "yes", detail: path });
}

function fileSystem(name: string): () => FeatureAnswer {
  return () => {
    const known = (readFile("/proc/filesystems") ?? "").split("\n")
      .some((line) => line.trim().split(/\s+/).at(-1) === name);
    return known ? { state: "yes" } : { state: "unknown", detail: "its module may load when used" };
  };
}

/** landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) gives the ABI's number. */
function landlock(): FeatureAnswer {
  const version = Number(callSync({
    name: "landlock_create_ruleset",
    words: [0, 0, 1],
    text: ["NULL", "0", "LANDLOCK_CREATE_RULESET_VERSION"],
  }));
  if (version > 0) return { state: "yes", detail: `ABI ${version}` };
  return { state: "no", detail: errnoName(-version) };
}

/** seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL): EFAULT where there is seccomp. */
function seccomp(): FeatureAnswer {
  const result = Number(callSync({ name: "seccomp", words: [2, 0, 0], text: ["2", "0", "NULL"] }));
  return result === -ENOSYS || result === -EINVAL ? { state: "no" } : { state: "yes" };
}

const OLD_KERNEL = "a kernel of 5.15 or newer";

/** Every feature there is. */
export const FEATURES: readonly Feature[] = [
  {
    name: "clone3",
    since: "5.3",
    use: "namespaces, the group and a pidfd in one call",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("clone3", [0, 0]),
  },
  {
    name: "openat2",
    since: "5.6",
    use: "paths that a layer controls can't lead out of the root",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("openat2", [-1, 0, 0, 0]),
  },
  {
    name: "close_range",
    since: "5.9",
    use: "no descriptor of the runner reaches the container",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("close_range", [2, 1, 0]),
  },
  {
    name: "fsopen, fsmount",
    since: "5.2",
    use: "file systems are made by descriptor",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("fsmount", [-1, 0, 0]),
  },
  {
    name: "open_tree, move_mount",
    since: "5.2",
    use: "mounts are attached by descriptor",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("move_mount", [-1, 0, AT_FDCWD, 0, 0]),
  },
  {
    name: "mount_setattr",
    since: "5.12",
    use: "a whole tree of mounts is made read-only at once",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("mount_setattr", [-1, 0, 0, 0, 0]),
  },
  {
    name: "pidfd_open",
    since: "5.3",
    use: "no process is ever taken for another one",
    without: OLD_KERNEL,
    required: true,
    probe: hasCall("pidfd_open", [-1, 0]),
  },
  {
    name: "executable memfd",
    use: "the stage lies in memory and cannot be changed",
    without: "sudo sysctl -w vm.memfd_noexec=1",
    required: true,
    probe: sysctl("vm.memfd_noexec", "2"),
  },
  {
    name: "overlayfs",
    use: "dir: layers at /",
    without: "sudo modprobe overlay; host: system needs none",
    required: false,
    probe: fileSystem("overlay"),
  },
  {
    name: "user namespaces",
    use: "containers of ordinary users",
    without: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    required: false,
    probe: sysctl("kernel.unprivileged_userns_clone", "0"),
  },
  {
    name: "user namespaces allowed in number",
    use: "containers of ordinary users",
    without: "sudo sysctl -w user.max_user_namespaces=10000",
    required: false,
    probe: sysctl("user.max_user_namespaces", "0"),
  },
  {
    name: "user namespaces not held back by AppArmor",
    use: "containers of ordinary users",
    without: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    required: false,
    probe: sysctl("kernel.apparmor_restrict_unprivileged_userns", "1"),
  },
  {
    name: "newuidmap",
    use: "more than one id for an ordinary user (later)",
    without: "sudo apt install uidmap",
    required: false,
    probe: hasPath("/usr/bin/newuidmap"),
  },
  {
    name: "seccomp",
    since: "3.17",
    use: "policies (later)",
    without: "a kernel with CONFIG_SECCOMP_FILTER",
    required: false,
    probe: seccomp,
  },
  {
    name: "Landlock",
    since: "5.13",
    use: "policies (later)",
    without: "boot with landlock in lsm=",
    required: false,
    probe: landlock,
  },
  {
    name: "/dev/kvm",
    use: "machines at full speed (later)",
    without: "a processor with virtualisation, and access to /dev/kvm",
    required: false,
    probe: hasPath("/dev/kvm"),
  },
  {
    name: "/dev/net/tun",
    use: "network for ordinary users by pasta (later)",
    without: "sudo modprobe tun",
    required: false,
    probe: hasPath("/dev/net/tun"),
  },
];

/** A feature without its probe, with its answer: plain JSON. */
export type ProbedFeature = Omit<Feature, "probe"> & FeatureAnswer;

export function probeFeatures(): readonly ProbedFeature[] {
  return FEATURES.map(({ probe, ...feature }) => ({ ...feature, ...probe() }));
}
