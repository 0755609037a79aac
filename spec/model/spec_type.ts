/**
 * The vocabulary of the YAML as TypeScript types: what `load`, `run` and `start` take as an object literal. The words,
 * defaults and examples are those of the JSON Schema; `schema.ts` is what checks them.
 */

/** A file: one container, or several below `containers`. */
export type Spec = ContainerSpec | ProjectSpec;

/** `x-…` keys are yours: they are never read. */
export interface Extensions {
  readonly [extension: `x-${string}`]: unknown;
}

/** The keys that stand beside `containers:`. */
export interface ProjectSpec extends ProjectKeys, Extensions {
  /** Name → container. Not together with the keys of one container. */
  readonly containers: Readonly<Record<string, ContainerKeys & Extensions>>;
  /** Named volumes: kept after the run, mounted by the containers that name them. */
  readonly volumes?: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

/** A file that is one container. */
export interface ContainerSpec extends ProjectKeys, ContainerKeys, Extensions {
  readonly containers?: never;
}

export interface ProjectKeys {
  /** `^[a-z0-9][a-z0-9_.-]{0,62}$`. Default: the file's name without its ending. */
  readonly name?: string;
  /** Declared variables, put in as `${{ NAME }}`. */
  readonly variables?: Readonly<Record<string, VariableSpec>>;
  /** In files alone: files whose containers are added. */
  readonly include?: readonly string[];
}

export interface ContainerKeys {
  /** In files alone: another container, whose keys this one has too. */
  readonly extends?: string | { readonly file?: string; readonly container?: string };
  /** What the container sees as its file system. Default: `{layers: [{host: "system"}]}`. */
  readonly rootfs?: RootfsSpec;
  /** Run in order; each must exit 0; the last is the main process. */
  readonly commands?: readonly CommandSpec[];
  /** Name → text. Numbers and booleans are errors: quote them. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Not yet. */
  readonly environmentFiles?: readonly string[];
  /** Absolute path inside the container. Default `/`. */
  readonly workdir?: string;
  /** Default: the container's name. */
  readonly hostname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** `1000`, `"1000:1000"`, or names of the container's own passwd and group. Default: 0. */
  readonly user?: string | number;
  /** Default: `host` for root, `auto` for others. */
  readonly userns?: "auto" | "host" | IdMapsSpec;
  /** Namespaces of others: a process id or a path each. */
  readonly join?: Readonly<
    Partial<
      Record<"network" | "ipc" | "uts" | "pid" | "user" | "cgroup" | "time", string | number>
    >
  >;
  /** How far the container's clocks are ahead of the host's. */
  readonly time?: { readonly monotonic?: string; readonly boottime?: string };
  /** Our PID 1 reaps and forwards signals. Default: true for several commands. */
  readonly init?: boolean;
  /** Give the commands a terminal. Default false. */
  readonly tty?: boolean;
  /** Pass standard input through. Default: as `tty`. */
  readonly stdin?: boolean;
  /** What each command's process is like. */
  readonly process?: ProcessSpec;
  /** Kernel parameters that a container has for itself: name → value. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** `./src:/dst[:ro]`, `data:/dst`, or maps. */
  readonly volumes?: readonly (string | VolumeSpec)[];
  /** Path in the container → value, or where it is. Files of mode 0400, never in argv, environment, plan or caches. */
  readonly secrets?: Readonly<Record<string, string | SecretSpec>>;
  /** Not yet. */
  readonly inputs?: readonly CopySpec[];
  /** Not yet. */
  readonly outputs?: readonly CopySpec[];
  /** Absent: no limits, and no cgroup is needed. */
  readonly limits?: LimitsSpec;
  /** Default `none`. */
  readonly network?: NetworkMode | NetworkSpec;
  /** Default: the presets `build` and `network`. */
  readonly policy?: PolicyPreset | readonly PolicyPreset[] | PolicySpec;
  /** How it is known that it does its work. */
  readonly healthcheck?: HealthcheckSpec;
  /** Default `no`. */
  readonly restart?: RestartPolicy | RestartSpec;
  /** How `up` replaces it when it changed. Default `stopFirst`. */
  readonly update?: "stopFirst" | "startFirst";
  /** It is there only when one of these is asked for. Absent: always. */
  readonly profiles?: readonly string[];
  /** Containers that come first. A list: healthy if it has a health check, else started. */
  readonly dependsOn?:
    | readonly string[]
    | Readonly<Record<string, "started" | "healthy" | "completed">>;
  /** How the container is stopped. Default: SIGTERM, 10s. */
  readonly stop?: { readonly signal?: string; readonly grace?: Duration };
  /** What `up` keeps of its output. Default: 10MiB, 3 old ones, drop. */
  readonly logs?: {
    readonly maxSize?: Size;
    readonly maxFiles?: number;
    readonly onFull?: "drop" | "slow";
    /** With `onFull: slow`. Default: 10s. */
    readonly maxWait?: Duration;
  };
  /** Default: the machine's own. `windows`: not yet. */
  readonly platform?: "linux" | "windows";
  /** Not yet. */
  readonly vm?: VmSpec;
  /** What to do when this machine cannot enforce what was asked for. `warn`: not yet. */
  readonly onUnsupported?: "error" | "warn";
}

/** `512MiB` (IEC, by 1024) or `1.5GB` (SI, by 1000). */
export type Size = string;
/** `30s`, `1m30s`, `500ms`. */
export type Duration = string;

export interface RootfsSpec {
  /** Lowest first. Default `[{host: "system"}]`. */
  readonly layers?: readonly LayerSpec[];
  /** Where writes go. Default `tmpfs`. */
  readonly writable?: "tmpfs" | "disk" | false | { readonly tmpfs: Size };
  /** A directory that is the root as it is; instead of `layers` and `writable`. */
  readonly path?: string;
}

interface At {
  /** Where in the container; default `/`. */
  readonly at?: string;
}

interface Pinned {
  /** `sha256:…` that the archive, or the image's manifest or index, must have. */
  readonly digest?: string;
}

export type LayerSpec =
  | At & { readonly host: "system" | "/" }
  | At & { readonly dir: string }
  | At & Pinned & { readonly tar: string }
  | At & Pinned & { readonly image: string }
  | At & { readonly squashfs: string }
  | At & { readonly erofs: string };

/** A list is argv; a string is `/bin/sh -ec`. */
export type CommandSpec = readonly string[] | string | CommandMap;

export type CommandMap =
  & CommandOptions
  & (
    | { readonly exec: readonly string[] }
    | { readonly shell: string }
    | { readonly args: readonly string[] }
  );

export interface CommandOptions {
  readonly name?: string;
  readonly workdir?: string;
  readonly user?: string | number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeout?: Duration;
  /** Not again on a restart. */
  readonly once?: boolean;
}

export interface IdMapsSpec {
  readonly uids: readonly IdRangeSpec[];
  readonly gids: readonly IdRangeSpec[];
}

export interface IdRangeSpec {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface VolumeSpec {
  readonly bind?: string;
  readonly volume?: string;
  readonly tmpfs?: Size;
  readonly at: string;
  readonly readonly?: boolean;
  readonly owner?: "match";
  readonly create?: boolean;
  /** Default `private`. */
  readonly propagation?: "private" | "slave" | "shared";
  /** Of a tmpfs, as `"0700"`. Default `"1777"`. */
  readonly mode?: string;
}

/** `mode` as `"0440"`; default `"0400"`. */
export type SecretSpec =
  & { readonly mode?: string }
  & ({ readonly file: string } | { readonly value: string });

export interface CopySpec {
  readonly from: string;
  readonly to: string;
  readonly mode?: string;
  readonly when?: "success" | "always";
}

export interface LimitsSpec {
  /** CPUs: 1.5 is one and a half. The weight: 1 to 10000, default 100. */
  readonly cpu?: number | { readonly max?: number; readonly weight?: number };
  readonly memory?: Size | MemorySpec;
  /** Processes and threads. Default 4096 when any limit is set. */
  readonly pids?: number;
  /** Besides `memory`. */
  readonly swap?: Size | 0;
  readonly io?: readonly IoLimitSpec[];
  /** `"0-3,6"`. */
  readonly cpuset?: string | { readonly cpus?: string; readonly mems?: string };
  /** Page size → size. */
  readonly hugetlb?: Readonly<Record<string, Size>>;
  /** Besides the harmless ones. */
  readonly devices?: readonly DeviceSpec[];
  /** Name as `nofile` → limit, in the kernel's units. */
  readonly rlimits?: Readonly<Record<string, RlimitSpec>>;
  readonly rdma?: Readonly<
    Record<string, { readonly handles?: number; readonly objects?: number }>
  >;
  readonly misc?: Readonly<Record<string, number>>;
}

export interface MemorySpec {
  readonly max?: Size;
  /** cgroup v2 only. */
  readonly high?: Size;
  readonly low?: Size;
  /** cgroup v2 only. */
  readonly oomGroup?: boolean;
}

/** A number or `unlimited`. */
export type RlimitValue = number | "unlimited";
export type RlimitSpec = RlimitValue | { readonly soft: RlimitValue; readonly hard: RlimitValue };

/** A path below /dev; with an access other than `rw` as a map. */
export type DeviceSpec = string | { readonly device: string; readonly access?: string };

export interface IoLimitSpec {
  readonly device?: string;
  /** A file or directory on the disk, instead of `device`. */
  readonly path?: string;
  readonly readBytes?: Size;
  readonly writeBytes?: Size;
  readonly readOperations?: number;
  readonly writeOperations?: number;
  /** 1 to 1000, default 100. */
  readonly weight?: number;
}

export interface ProcessSpec {
  /** Supplementary groups: numbers, or names of the container's own group file. */
  readonly groups?: readonly (number | string)[];
  /** Octal, as `"0027"`. Default `"0022"`. */
  readonly umask?: string;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number;
  /** Level 0 (first) to 7 (last). */
  readonly ioPriority?: {
    readonly class?: "realtime" | "best-effort" | "idle";
    readonly level?: number;
  };
  readonly scheduler?: {
    readonly policy?: "other" | "batch" | "idle" | "fifo" | "rr";
    /** -20 (first) to 19 (last). */
    readonly nice?: number;
    /** 1 to 99, of `fifo` and `rr`. */
    readonly priority?: number;
  };
  /** `"0-3,6"`. */
  readonly cpuAffinity?: string;
  readonly personality?: PersonalitySpec;
}

export type PersonalitySpec =
  | "linux"
  | "linux32"
  | { readonly domain?: "linux" | "linux32"; readonly randomize?: boolean };

export type NetworkMode = "none" | "host" | "bridge" | "private";

export interface NetworkSpec {
  readonly mode?: NetworkMode;
  /** Not yet. */
  readonly ports?: readonly string[];
  /** Not yet. */
  readonly egress?: "any" | readonly string[];
  /** Not yet. */
  readonly dns?: readonly string[];
  /** Not yet. */
  readonly names?: Readonly<Record<string, string>>;
}

export type PolicyPreset = "none" | "minimal" | "build" | "network" | "custom";
export type PathAccess = "read" | "write" | "execute" | "all";

/** Every list is of names as above. What is not said follows from `bounding`. */
export interface CapabilitySetsSpec {
  readonly bounding: readonly string[];
  readonly permitted?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface PolicySpec {
  readonly preset?: PolicyPreset | readonly PolicyPreset[];
  /** Capability names, with or without `CAP_`; or each set of its own. */
  readonly capabilities?: readonly string[] | CapabilitySetsSpec;
  /** Not yet. */
  readonly syscalls?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** Not yet. */
  readonly paths?: readonly {
    readonly path: string;
    readonly access: PathAccess | readonly PathAccess[];
  }[];
}

export interface HealthcheckSpec {
  readonly exec?: readonly string[];
  readonly shell?: string;
  readonly http?: { readonly port: number; readonly path?: string };
  readonly tcp?: { readonly port: number };
  readonly interval?: Duration;
  readonly timeout?: Duration;
  readonly retries?: number;
  readonly startPeriod?: Duration;
  readonly onFailure?: "none" | "restart" | "stop";
}

export type RestartPolicy = "no" | "on-failure" | "always";

export interface RestartSpec {
  readonly policy: RestartPolicy;
  readonly maxRetries?: number;
  readonly backoff?: Duration;
}

export interface VmSpec {
  readonly driver?: "hyperv" | "qemu";
  readonly kernel?: string;
  readonly firmware?: string;
  readonly disk?: Size;
  readonly secureBoot?: boolean;
}

export interface VariableSpec {
  readonly default?: string;
  readonly required?: string;
  readonly secret?: boolean;
}
