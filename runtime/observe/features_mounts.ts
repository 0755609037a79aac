/** What a rootfs needs: the mount API by descriptor, overlays, a /proc. Tried in mount namespaces that end with the probe. */
import { AT_EMPTY_PATH, AT_RECURSIVE } from "../../ffi/abi/fcntl.ts";
import {
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/abi/mount.ts";
import { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER } from "../../ffi/abi/sched.ts";
import type { Word } from "../../ffi/calls/call.ts";
import {
  fsconfigCreate,
  fsconfigSetFlag,
  fsconfigSetString,
  fsmount,
  fsopen,
} from "../../ffi/calls/fsopen.ts";
import { mountSetattr, moveMount, openTree } from "../../ffi/calls/mount.ts";
import { fchdir, mkdirat } from "../../ffi/calls/path.ts";
import type { Host } from "../plan/host.ts";
import { NEW_KERNEL } from "./features_calls.ts";
import type { Feature, FeatureAnswer } from "./features_probe.ts";
import { asRoot, type ProbeCall, tryCalls } from "./features_program.ts";

const result = (name: string): Word => ({ result: name });

/** A new file system, detached, with its descriptor in the slot `into`. */
export function newFilesystem(
  fsname: string,
  options: { readonly into: string; readonly set?: readonly (readonly [string, string?])[] },
): readonly ProbeCall[] {
  const fd = result("context");
  return [
    { call: fsopen({ fsname, flags: FSOPEN_CLOEXEC }), into: "context" },
    ...(options.set ?? []).map(([key, value]) => ({
      call: value === undefined
        ? fsconfigSetFlag({ fd, key })
        : fsconfigSetString({ fd, key, value }),
    })),
    { call: fsconfigCreate({ fd }) },
    { call: fsmount({ fd, flags: FSMOUNT_CLOEXEC, attrFlags: 0 }), into: options.into },
  ];
}

function attach(slot: string): ProbeCall {
  return {
    call: moveMount({
      fromDirfd: result(slot),
      fromPathname: "",
      toPathname: "/",
      flags: MOVE_MOUNT_F_EMPTY_PATH,
    }),
  };
}

const MOUNT_API: readonly ProbeCall[] = [
  ...newFilesystem("tmpfs", { into: "tmpfs" }),
  {
    call: openTree({
      pathname: "/",
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE,
    }),
    into: "tree",
  },
  attach("tmpfs"),
];

const SETATTR: readonly ProbeCall[] = [
  {
    call: openTree({
      pathname: "/",
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE,
    }),
    into: "tree",
  },
  {
    call: mountSetattr({
      dirfd: result("tree"),
      pathname: "",
      flags: AT_EMPTY_PATH | AT_RECURSIVE,
      attrSet: MOUNT_ATTR_RDONLY,
    }),
  },
];

/** As a start does it: layers and upper on an attached tmpfs, named relative to it. */
function overlayCalls(userxattr: boolean): readonly ProbeCall[] {
  const directories = ["lower", "upper", "work"].map((pathname) => ({
    call: mkdirat({ dirfd: result("tmpfs"), pathname, mode: 0o755 }),
  }));
  const set: (readonly [string, string?])[] = [
    ["lowerdir", "lower"],
    ["upperdir", "upper"],
    ["workdir", "work"],
  ];
  return [
    ...newFilesystem("tmpfs", { into: "tmpfs" }),
    attach("tmpfs"),
    ...directories,
    { call: fchdir({ fd: result("tmpfs") }) },
    ...newFilesystem("overlay", {
      into: "overlay",
      set: userxattr ? [...set, ["userxattr"]] : set,
    }),
  ];
}

function probeProc(host: Host): FeatureAnswer {
  const flags = asRoot(host, CLONE_NEWNS | CLONE_NEWPID);
  return tryCalls(host, { flags, calls: newFilesystem("proc", { into: "proc" }) });
}

const NEEDS = "CAP_SYS_ADMIN, or a user namespace";

/** Rows about the rootfs. */
export const MOUNT_FEATURES: readonly Feature[] = [
  {
    name: "mount API by descriptor",
    group: "rootfs",
    since: "5.2",
    needs: NEEDS,
    gives: "fsopen, fsmount, open_tree, move_mount: mounts that no path can misdirect",
    without: "no container starts",
    fix: NEW_KERNEL,
    required: true,
    probe: (host) => tryCalls(host, { flags: asRoot(host, CLONE_NEWNS), calls: MOUNT_API }),
  },
  {
    name: "mount_setattr",
    group: "rootfs",
    since: "5.12",
    needs: NEEDS,
    gives: "a whole tree of mounts is made read-only at once",
    without: "no container starts",
    fix: NEW_KERNEL,
    required: true,
    probe: (host) => tryCalls(host, { flags: asRoot(host, CLONE_NEWNS), calls: SETATTR }),
  },
  {
    name: "a /proc of its own",
    group: "rootfs",
    needs: "a host's /proc without masks, for ordinary users and inside of containers",
    gives: "ps, /proc/self and /dev/fd in the container",
    without: "no container starts",
    fix: "inside of a container, start that one with --security-opt systempaths=unconfined",
    required: true,
    probe: probeProc,
  },
  {
    name: "overlayfs",
    group: "rootfs",
    since: "3.18",
    needs: `${NEEDS}; CONFIG_OVERLAY_FS`,
    gives: "dir: layers at /, and a writable layer over them",
    without: "only host: system, rootfs.path, and dir: layers with at:",
    fix: "sudo modprobe overlay",
    required: false,
    probe: (host) =>
      tryCalls(host, { flags: asRoot(host, CLONE_NEWNS), calls: overlayCalls(!host.privileged) }),
  },
  {
    name: "overlayfs in a user namespace",
    group: "rootfs",
    since: "5.11",
    needs: "a user namespace",
    gives: "the same for ordinary users",
    without: "ordinary users have only host: system, rootfs.path, and dir: layers with at:",
    fix: NEW_KERNEL,
    required: false,
    probe: (host) =>
      tryCalls(host, { flags: CLONE_NEWUSER | CLONE_NEWNS, calls: overlayCalls(true) }),
  },
];
