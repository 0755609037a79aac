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
}

export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
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
  readonly cgroupsPath?: string;
  readonly resources?: OciResources;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface OciResources {
  /** Bytes. */
  readonly memory?: { readonly limit?: number };
  /** Microseconds. */
  readonly cpu?: { readonly quota?: number; readonly period?: number };
  readonly pids?: { readonly limit: number };
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
