/** What a machine is, as far as a plan depends on it. Plain JSON: a saved Host lets a plan be made elsewhere. */

export interface Host {
  readonly version: 1;
  /** `uname -r`. */
  readonly kernel: string;
  readonly architecture: "x86_64" | "aarch64";
  /** Bytes per page: the kernel rounds memory limits to it. */
  readonly pageBytes: number;
  readonly uid: number;
  readonly gid: number;
  /** True: the runner holds CAP_SYS_ADMIN and all that goes with it in the first user namespace. */
  readonly privileged: boolean;
  /** Newest capability of the kernel (/proc/sys/kernel/cap_last_cap). */
  readonly lastCapability: number;
  /** Capabilities that the runner may hand on (its bounding set), as a hexadecimal mask. */
  readonly bounding: string;
  readonly cgroups: HostCgroups;
  /** Entries of the host's root directory that programs need: what each is. */
  readonly system: Readonly<Record<string, HostEntry>>;
}

export type HostEntry = { readonly kind: "directory" } | {
  readonly kind: "symlink";
  readonly target: string;
};

export interface HostCgroups {
  /** Absent: no cgroup2 file system is mounted. */
  readonly v2?: {
    /** Where it is mounted. */
    readonly mount: string;
    /** Controllers that its root offers (cgroup.controllers). */
    readonly controllers: readonly string[];
    /** Those already on for the children of the root (cgroup.subtree_control). */
    readonly enabled: readonly string[];
    /** For an ordinary user: the group that is theirs, what it offers and has on. */
    readonly delegated?: {
      readonly path: string;
      readonly controllers: readonly string[];
      readonly enabled: readonly string[];
    };
  };
  /** Why no group is an ordinary user's. */
  readonly notDelegated?: string;
  /** Controllers of cgroup v1, each with its mount point. */
  readonly v1: Readonly<Record<string, string>>;
  /** CPUs and memory nodes of the root of the hierarchy with cpuset; absent where there is none. */
  readonly cpuset?: { readonly cpus: readonly number[]; readonly mems: readonly number[] };
}

/** What else a plan depends on, asked for by the subjects and answered by `runtime/observe`. */
export interface Answers {
  /** Name of this instance: `NAME`, `NAME-2` when groups of that name are in use, `PROJECT/NAME` for one of a project. */
  readonly instance: string;
  /** Where uppers that are kept lie: `/var/lib/containerv` or the user's data directory. */
  readonly dataDirectory: string;
  /** The runner waits for the first command's execve. */
  readonly announce: boolean;
  /** The container outlives the runner and its stage: a keeper is its parent. */
  readonly detached?: true;
  /** Where a user namespace is wanted: the ids that it can have. Absent: nobody asked. */
  readonly ids?: IdSources;
  /** For names in `user:`: what the container's own passwd and group say. Absent: nobody asked. */
  readonly users?: Readonly<Record<string, ResolvedUser>>;
  /** Path of a volume's source → what is there; null for nothing. Absent: nobody asked. */
  readonly sources?: Readonly<Record<string, SourceAnswer | null>>;
  /** Path of a device, or of what lies on a disk → the whole disk's number, or why there is none. */
  readonly disks?: Readonly<Record<string, DiskAnswer>>;
  /** Path below /dev → what is there on the host; null for nothing that is a device. */
  readonly devices?: Readonly<Record<string, DeviceAnswer | null>>;
  /** For `tar` and `image` layers, by their origin: what they are in the store. Absent: there are none. */
  readonly layers?: Readonly<Record<string, ResolvedLayer>>;
  /** `DIR` → those of the names that host: system binds which DIR holds too. */
  readonly collisions?: Readonly<Record<string, readonly string[]>>;
}

/** What a volume is to show. */
export type SourceAnswer =
  | {
    readonly kind: "directory" | "file" | "device";
    readonly uid: number;
    readonly gid: number;
  }
  /** A symbolic link lies on the way; where it leads, when it leads somewhere. */
  | { readonly kind: "link"; readonly uid: number; readonly gid: number; readonly real?: string };
/** Ids that a user namespace of this runner can be made of. */
export interface IdSources {
  /** An ordinary user's ranges in /etc/subuid and /etc/subgid. */
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
  /** The programs that map them, where they can. */
  readonly helpers?: { readonly newuidmap: string; readonly newgidmap: string };
  /** For root: first id of a range that no container of ours has. */
  readonly range?: number;
  /** What is missing for more than one id, and the command that gets it. */
  readonly lacks?: string;
  readonly fix?: string;
}

export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** A container that runs, as one sees it who wants to join. */
export interface Joinable {
  /** Kinds of namespaces in which it is not where we are. */
  readonly namespaces: readonly string[];
  /** Groups that it is in and we are not: absolute paths of their directories. */
  readonly groups: readonly { readonly path: string; readonly version: 1 | 2 }[];
  /** What its first process may have at most, as a hexadecimal mask. */
  readonly bounding: string;
  /** Whether setgroups(2) is allowed there. */
  readonly setgroups: boolean;
}

export type DiskAnswer =
  | { readonly major: number; readonly minor: number }
  | { readonly why: string };

export interface DeviceAnswer {
  readonly type: "character" | "block";
  readonly major: number;
  readonly minor: number;
}

/** A `tar` or `image` layer as the store of layers has it, or will have it. */
export interface ResolvedLayer {
  /** Lowest first. */
  readonly roots: readonly LayerRoot[];
  /** Of an image: what its author says of running it. */
  readonly image?: ImageConfig;
}

export interface LayerRoot {
  /** Directory of the store. */
  readonly path: string;
  readonly diffId: string;
  /** Present: it is not there yet, and this archive has it. */
  readonly archive?: string;
  /** What could not be kept of it, as "device nodes", and of how many entries; absent when all was. */
  readonly notes?: Readonly<Record<string, number>>;
  /** True: it hides names of layers below. */
  readonly whiteouts?: boolean;
}

/** What an image says besides its files. Source: OCI image specification, config.md. */
export interface ImageConfig {
  /** As the user named it. */
  readonly name: string;
  readonly digest: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** As `user`, `uid`, `user:group`, `uid:gid`; "" for root. */
  readonly user: string;
  readonly workdir: string;
  /** As `SIGQUIT` or `3`; absent: not said. */
  readonly stopSignal?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}
