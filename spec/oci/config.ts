/**
 * `config.json` of the OCI runtime specification, as far as it is written and read here.
 *
 * Source: https://github.com/opencontainers/runtime-spec/blob/main/config.md, config-linux.md.
 */

export interface OciConfig {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  readonly mounts?: readonly OciMount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: OciLinux;
}

export interface OciProcess {
  readonly terminal?: boolean;
  readonly user: OciUser;
  readonly args: readonly string[];
  /** `NAME=value` each. */
  readonly env?: readonly string[];
  readonly cwd: string;
  readonly capabilities?: OciCapabilities;
  readonly noNewPrivileges?: boolean;
  readonly rlimits?: readonly OciRlimit[];
  readonly oomScoreAdj?: number;
  /** From 1.1.0 on. */
  readonly scheduler?: {
    readonly policy: string;
    readonly nice?: number;
    readonly priority?: number;
  };
  /** From 1.1.0 on. */
  readonly ioPriority?: { readonly class: string; readonly priority: number };
}

/** uint64 each; what a number can't hold exactly is a bigint, which `exactJson` writes as a number. */
export interface OciRlimit {
  readonly type: string;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
}

export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
  readonly umask?: number;
}

/** Names with `CAP_`. */
export interface OciCapabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly permitted?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  /** As mount(8) takes them: flags and data of the file system together. */
  readonly options?: readonly string[];
  /** Owners on the disk (`containerID`) → ids of the host (`hostID`): an id-mapped mount. From 1.1.0 on. */
  readonly uidMappings?: readonly OciIdMap[];
  readonly gidMappings?: readonly OciIdMap[];
}

export interface OciNamespace {
  readonly type: "pid" | "network" | "ipc" | "uts" | "mount" | "cgroup" | "user" | "time";
  readonly path?: string;
}

export interface OciIdMap {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciLinux {
  readonly namespaces?: readonly OciNamespace[];
  readonly uidMappings?: readonly OciIdMap[];
  readonly gidMappings?: readonly OciIdMap[];
  /** From 1.1.0 on. */
  readonly timeOffsets?: Readonly<Record<"monotonic" | "boottime", OciTimeOffset>>;
  readonly cgroupsPath?: string;
  readonly resources?: OciResources;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly personality?: { readonly domain: "LINUX" | "LINUX32" };
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface OciTimeOffset {
  readonly secs: number;
  readonly nanosecs: number;
}

export interface OciResources {
  readonly memory?: OciMemory;
  readonly cpu?: OciCpu;
  readonly pids?: { readonly limit: number };
  readonly blockIO?: OciBlockIo;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly rdma?: Readonly<
    Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>
  >;
  readonly devices?: readonly OciDeviceRule[];
  /** Files of a group of cgroup v2 that have no field. From 1.0.2 on. */
  readonly unified?: Readonly<Record<string, string>>;
}

/** Bytes. */
export interface OciMemory {
  readonly limit?: number;
  readonly reservation?: number;
  /** Memory and swap together. */
  readonly swap?: number;
}

export interface OciCpu {
  /** Microseconds. */
  readonly quota?: number;
  readonly period?: number;
  /** 2 to 262144, of cgroup v1. */
  readonly shares?: number;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface OciBlockIo {
  /** 10 to 1000. */
  readonly weight?: number;
  readonly weightDevice?: readonly (OciDisk & { readonly weight: number })[];
  readonly throttleReadBpsDevice?: readonly OciRate[];
  readonly throttleWriteBpsDevice?: readonly OciRate[];
  readonly throttleReadIOPSDevice?: readonly OciRate[];
  readonly throttleWriteIOPSDevice?: readonly OciRate[];
}

export interface OciDisk {
  readonly major: number;
  readonly minor: number;
}

export interface OciRate extends OciDisk {
  readonly rate: number;
}

/** Without a number: every device. */
export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: "a" | "b" | "c";
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** What `config.json` says of one subject: parts are put together key by key. */
export interface OciPart {
  readonly process?: Partial<OciProcess>;
  readonly root?: OciConfig["root"];
  readonly hostname?: string;
  readonly mounts?: readonly OciMount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: OciLinux;
}
