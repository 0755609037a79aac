/**
 * What the user wants, normalised: every default filled in, every unit resolved, paths absolute.
 * Plain data, JSON-safe (64-bit quantities are bigint only where said; all sizes here are exact integers below 2^53).
 */

import type { RESOURCES } from "../../ffi/abi/resource.ts";

/**
 * JSON pointer into the document; `"default"` when no line of the document asked for it; `"command line"` for a command that
 * the caller gave in place of the document's.
 */
export type Origin = string;

export interface Desired {
  /** Name of the project: `name:` or the file's stem. */
  readonly project: string;
  /** In the order of the file; `startOrder` in depends.ts has the order of their dependencies. */
  readonly containers: readonly DesiredContainer[];
}

export interface DesiredContainer {
  readonly name: string;
  readonly rootfs: DesiredRootfs;
  /** Those that lie within others stand behind them. */
  readonly volumes: readonly DesiredVolume[];
  readonly secrets: readonly DesiredSecret[];
  readonly commands: readonly DesiredCommand[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path inside the container. Default `/`. */
  readonly workdir: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: DesiredUser;
  readonly userns: DesiredUserns;
  /** Namespaces of others that the container is in. */
  readonly join: Readonly<Partial<Record<JoinKind, JoinTarget>>>;
  /** How far its clocks are ahead of the host's; absent: no time namespace. */
  readonly time?: { readonly monotonicMs: number; readonly boottimeMs: number };
  /** The stage stays as PID 1, reaps and forwards signals. Default: true for several commands. */
  readonly init: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly process: DesiredProcess;
  readonly sysctls: readonly DesiredSysctl[];
  readonly limits: DesiredLimits;
  readonly network: { readonly mode: "none" | "host" };
  readonly policy: DesiredPolicy;
  readonly stop: { readonly signal: string; readonly graceMs: number };
  readonly logs: DesiredLogs;
  /** Copied in before the first command, in this order. */
  readonly inputs: readonly DesiredInput[];
  /** Copied out after the last command, in this order. */
  readonly outputs: readonly DesiredOutput[];
  /** Containers of the file that come first; without circles. */
  readonly dependsOn: readonly DesiredDependency[];
  readonly restart: DesiredRestart;
  /** Absent: nobody asks whether it does its work. */
  readonly healthcheck?: DesiredHealthcheck;
  /** How `up` replaces it when it changed. */
  readonly update: "stopFirst" | "startFirst";
  /** Empty: it is always there; else only when one of them is asked for (`activeContainers` in depends.ts). */
  readonly profiles: readonly string[];
  /** For each key that has a value here: the pointer of what gave it (key → pointer); a key not listed is a default. */
  readonly origins: Readonly<Record<string, Origin>>;
}

/** The path of a namespace, or the name or id of a container that runs. */
export type JoinTarget = string | { readonly container: string };

export type JoinKind = "network" | "ipc" | "uts" | "pid" | "user" | "cgroup" | "time";

/** `default`: none where the runner is root, else `auto`. */
export type DesiredUserns = "default" | "auto" | "host" | {
  readonly uids: readonly IdMap[];
  readonly gids: readonly IdMap[];
};

/** `count` ids from `inside` on are those from `outside` on. */
export interface IdMap {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface DesiredRootfs {
  /** Lowest first. */
  readonly layers: readonly DesiredLayer[];
  readonly writable:
    | { readonly kind: "tmpfs"; readonly sizeBytes?: number }
    /** `keptAs`: what the directory of its writes is called; absent with `path`, which keeps them itself. */
    | { readonly kind: "disk"; readonly keptAs?: string }
    | { readonly kind: "readonly" };
  /** `rootfs: {path:}`: this directory, as it is; then layers is empty. */
  readonly path?: string;
}

export type DesiredLayer =
  | {
    readonly kind: "host";
    readonly host: "system" | "/";
    readonly at: string;
    readonly origin: Origin;
  }
  | { readonly kind: "dir"; readonly dir: string; readonly at: string; readonly origin: Origin }
  /** `image`: absolute path of a file of the host. */
  | {
    readonly kind: "squashfs" | "erofs";
    readonly image: string;
    readonly at: string;
    readonly origin: Origin;
  }
  | DesiredStored & {
    readonly kind: "tar";
    /** Absolute path of an archive. */
    readonly tar: string;
  }
  | DesiredStored & { readonly kind: "image"; readonly image: DesiredImage };

/** A layer that is unpacked into the store before it is used. */
interface DesiredStored {
  /** What the archive, or the image's manifest or index, must be: `sha256:…`. */
  readonly digest?: string;
  readonly at: string;
  readonly origin: Origin;
}

/** Where an image lies. */
export interface DesiredImage {
  /** `path`: what lies there says what it is. */
  readonly form: "path" | "oci" | "oci-archive" | "docker-archive";
  /** Absolute. */
  readonly path: string;
  /** Which of several. */
  readonly reference?: string;
}

interface DesiredMount {
  /** Absolute path in the container. */
  readonly at: string;
  readonly readonly: boolean;
  readonly origin: Origin;
}

interface DesiredSource extends DesiredMount {
  /** The source's owner appears as the container's user. */
  readonly ownerMatches: boolean;
  readonly propagation: "private" | "slave" | "shared";
}

export type DesiredVolume =
  | DesiredSource & {
    readonly kind: "bind";
    /** Absolute path of the host: the spec's directory, or `/`. */
    readonly base: string;
    /** From there on; empty for `base` itself. */
    readonly path: string;
    /** As the user wrote it. */
    readonly shown: string;
    /** Made when it is missing. */
    readonly create: boolean;
  }
  /** `volume`: its directory below those of all volumes. */
  | DesiredSource & { readonly kind: "named"; readonly volume: string }
  | DesiredMount & {
    readonly kind: "tmpfs";
    readonly sizeBytes: number;
    readonly mode: number;
  };

export type DesiredSecret =
  & {
    /** Absolute path in the container. */
    readonly at: string;
    readonly mode: number;
    readonly origin: Origin;
  }
  & (
    | { readonly value: string }
    /** Absolute path of the host. */
    | { readonly file: string }
  );

export interface DesiredCommand {
  /** As the user named it, else `commands[0]`-like text is made by who shows it. */
  readonly name?: string;
  /** argv; a string in the YAML became `["/bin/sh", "-ec", text]`. */
  readonly exec: readonly string[];
  /** True when the YAML gave a string. */
  readonly shell: boolean;
  /** `exec` are arguments for the image's entrypoint. */
  readonly entrypoint?: true;
  readonly workdir?: string;
  readonly user?: DesiredUser;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly once: boolean;
  readonly origin: Origin;
}

/** What is absent stays as the runner has it. */
export interface DesiredProcess {
  /** Supplementary groups, besides the user's own. */
  readonly groups: readonly (number | string)[];
  readonly umask: number;
  readonly oomScoreAdj?: number;
  readonly ioPriority?: {
    readonly class: "realtime" | "best-effort" | "idle";
    readonly level: number;
  };
  /** `priority` is 0 where the policy has none, `nice` likewise. */
  readonly scheduler?: {
    readonly policy: "other" | "batch" | "idle" | "fifo" | "rr";
    readonly nice: number;
    readonly priority: number;
  };
  /** Sorted numbers. */
  readonly cpuAffinity?: readonly number[];
  /** As personality(2) takes it. */
  readonly personality?: number;
}

export interface DesiredSysctl {
  /** Below /proc/sys. */
  readonly path: string;
  readonly value: string;
  readonly namespace: "network" | "ipc" | "uts";
  readonly origin: Origin;
}

/** Numeric, or a name of the container's own passwd/group that is looked up when the rootfs is known. */
export interface DesiredUser {
  readonly user: number | string;
  /** Absent: the primary group of the named user, or the number of `user`. */
  readonly group?: number | string;
}

export interface DesiredLimits {
  /** CPUs, as 1.5. */
  readonly cpus?: number;
  /** 1 to 10000; the kernel's default is 100. */
  readonly cpuWeight?: number;
  /** Sorted numbers. */
  readonly cpuset?: { readonly cpus?: readonly number[]; readonly mems?: readonly number[] };
  readonly memoryBytes?: number;
  readonly memoryHighBytes?: number;
  readonly memoryLowBytes?: number;
  /** Absent: false. */
  readonly oomGroup?: true;
  /** Besides memory; 0 for none. */
  readonly swapBytes?: number;
  readonly pids?: number;
  /** True: `pids` is the default of 4096, which only warns where it can't hold. */
  readonly pidsIsDefault: boolean;
  readonly io?: readonly DesiredIo[];
  /** Page size as the kernel spells it (`2MB`) → bytes. */
  readonly hugetlb?: Readonly<Record<string, number>>;
  readonly devices?: readonly DesiredDevice[];
  readonly rlimits?: readonly DesiredRlimit[];
  /** Device → numbers. */
  readonly rdma?: Readonly<
    Record<string, { readonly handles?: number; readonly objects?: number }>
  >;
  /** Resource → number. */
  readonly misc?: Readonly<Record<string, number>>;
}

/** Rates per second; without `device` and `path` only a weight, for all disks. */
export interface DesiredIo {
  /** Absolute path of a block device. */
  readonly device?: string;
  /** Absolute path of what lies on the disk. */
  readonly path?: string;
  readonly readBytes?: number;
  readonly writeBytes?: number;
  readonly readOperations?: number;
  readonly writeOperations?: number;
  /** 1 to 1000; the kernel's default is 100. */
  readonly weight?: number;
  readonly origin: Origin;
}

export interface DesiredDevice {
  /** Absolute path below /dev, on the host and in the container. */
  readonly device: string;
  /** Of `r`, `w`, `m`. */
  readonly access: string;
  readonly origin: Origin;
}

export interface DesiredRlimit {
  readonly resource: keyof typeof RESOURCES;
  readonly soft: number | "unlimited";
  readonly hard: number | "unlimited";
  readonly origin: Origin;
}

export interface DesiredPolicy {
  /** Presets asked for. Until the policy compiler exists only `[]` (said as `policy: none`) or the default. */
  readonly presets: readonly string[];
  readonly isDefault: boolean;
  /** Capability names without `CAP_`, upper case; absent: the default set. */
  readonly capabilities?: readonly string[];
  /** Where sets were said each by itself: those besides the bounding one, which is `capabilities`. */
  readonly sets?: DesiredCapabilitySets;
}

/** Absent: not said. */
export interface DesiredCapabilitySets {
  readonly permitted?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface DesiredInput {
  /** Absolute path of the host: a file or a directory. */
  readonly from: string;
  /** The part of it that is trusted: below, no link is followed. */
  readonly base: string;
  /** Absolute path in the container. */
  readonly to: string;
  /** True: `to` was written with a `/` at its end and is the directory that it goes into, by its own name. */
  readonly into: boolean;
  /** Permissions of each file; absent: as it has them. */
  readonly mode?: number;
  /** No copy is younger, in seconds since 1970; absent: as old as it is. */
  readonly latest?: number;
  readonly origin: Origin;
}

export interface DesiredOutput {
  /** Absolute path in the container. */
  readonly from: string;
  /** Absolute path of the host. */
  readonly to: string;
  /** The part of it that is trusted: below, no link is followed. */
  readonly base: string;
  readonly into: boolean;
  readonly mode?: number;
  readonly latest?: number;
  /** After success only, or after a failure too. */
  readonly when: "success" | "always";
  readonly origin: Origin;
}

export interface DesiredDependency {
  /** Name of another container of the file. */
  readonly container: string;
  /** `completed`: it ended with 0. */
  readonly condition: "started" | "healthy" | "completed";
  readonly origin: Origin;
}

export interface DesiredRestart {
  readonly policy: "no" | "on-failure" | "always";
  /** Restarts in a row until it is left alone; absent: no bound. */
  readonly maxRetries?: number;
  /** Before the first restart; twice as long each next time, at most a minute, until it ran for ten seconds. */
  readonly backoffMs: number;
}

export interface DesiredHealthcheck {
  readonly test:
    /** Healthy when it exits 0; `shell` became `["/bin/sh", "-ec", text]`. */
    | { readonly kind: "exec"; readonly exec: readonly string[] }
    /** Healthy when the answer is 2xx or 3xx. */
    | { readonly kind: "http"; readonly port: number; readonly path: string }
    /** Healthy when the port accepts. */
    | { readonly kind: "tcp"; readonly port: number };
  /** Above 0, as the time of one check is. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until it is unhealthy. */
  readonly retries: number;
  /** Failures this long after the start don't count; a success ends this time. */
  readonly startPeriodMs: number;
  readonly onFailure: "none" | "restart" | "stop";
  readonly origin: Origin;
}

/** What is kept of a container's output. */
export interface DesiredLogs {
  /** A log that is as long becomes an old one. */
  readonly maxBytes: number;
  /** How many old ones are kept, 1 to 9. */
  readonly maxFiles: number;
  /** How long output waits for room on a full disk before it is dropped; absent: it is dropped at once. */
  readonly waitMs?: number;
}
