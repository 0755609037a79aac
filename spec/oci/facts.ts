/** What a `config.json` has to say and a spec leaves to the machine: the caller takes it from the plan. */
import type { IdMap } from "../model/desired.ts";
import type { OciDeviceRule, OciDisk, OciMount } from "./config.ts";

export interface OciFacts {
  /** Who each command runs as, by its index. */
  readonly users: readonly OciFactUser[];
  /** Capabilities that the commands keep, without `CAP_`. */
  readonly capabilities: readonly string[];
  /** True: a user other than root gets them too, as ambient. */
  readonly ambient: boolean;
  /** What the last command has of the sets besides the bounding one, where they were said each by itself. */
  readonly sets?: {
    readonly permitted: readonly string[];
    readonly inheritable: readonly string[];
    readonly ambient: readonly string[];
  };
  /** Paths of /proc and /sys that are hidden. */
  readonly hidden: readonly string[];
  /** Paths of /proc that are made read-only. */
  readonly readOnly: readonly string[];
  /** What lies in the root before /dev, /proc and /sys are mounted. */
  readonly root: OciRootFacts;
  /** The ids of the user namespace that the container gets; absent: it gets none. */
  readonly idMaps?: { readonly uids: readonly IdMap[]; readonly gids: readonly IdMap[] };
  /** Volumes, and layers at a place of their own whose ids are mapped, mounted when all else is. */
  readonly volumes: readonly OciMount[];
  /** Layers at `/` that are mounted under other ids before they are put together. */
  readonly mappedLayers: readonly string[];
  /** Name of the container's groups below /containerv. */
  readonly instance: string;
  /** False: no group is made for the container. */
  readonly groups: boolean;
  /** False: the container sees no groups at /sys/fs/cgroup. */
  readonly groupsMounted: boolean;
  /** What is written to files of its groups, in this order. */
  readonly knobs: readonly OciKnob[];
  /** Path of a disk, or of what lies on one → its number. */
  readonly disks: Readonly<Record<string, OciDisk>>;
  /** Devices: what may be opened, and nodes of the host that it has; absent: nobody forbids any. */
  readonly devices?: {
    readonly rules: readonly OciDeviceRule[];
    readonly nodes: readonly OciMount[];
  };
}

export interface OciKnob {
  /** As `cpu.weight`. */
  readonly file: string;
  readonly value: string;
  /** True: of cgroup v2. */
  readonly unified: boolean;
}

export interface OciFactUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Its environment, `NAME=value` each, with what the program adds by itself. */
  readonly environment: readonly string[];
}

export interface OciRootFacts {
  readonly directories: readonly { readonly path: string; readonly mode: number }[];
  readonly symlinks: readonly { readonly path: string; readonly target: string }[];
  readonly files: readonly {
    readonly path: string;
    readonly mode: number;
    readonly text: string;
  }[];
  /** Binds of the rootfs and volumes, in the order in which they are made. */
  readonly mounts: readonly OciMount[];
}

/** What the bundle's directory must hold, since `config.json` can't say it. */
export interface OciBundle {
  /** `overlay`: its lowers, lowest first, are mounted at `rootfs` first; `tmpfs`: nothing but what is listed; `directory`: as it is. */
  readonly root:
    | { readonly kind: "tmpfs"; readonly sizeBytes?: number }
    | { readonly kind: "overlay"; readonly lowers: readonly string[] }
    | { readonly kind: "directory"; readonly path: string };
  readonly directories: OciRootFacts["directories"];
  readonly symlinks: OciRootFacts["symlinks"];
  readonly files: OciRootFacts["files"];
}

/** What reading a `config.json` needs besides it. */
export interface OciImportOptions {
  /** Absolute path of the bundle's directory. */
  readonly bundle: string;
  /** Paths that are hidden in every container here, and those that are read-only. */
  readonly hidden: readonly string[];
  readonly readOnly: readonly string[];
}
