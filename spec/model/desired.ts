/**
 * What the user wants, normalised: every default filled in, every unit resolved, paths absolute.
 * Plain data, JSON-safe (64-bit quantities are bigint only where said; all sizes here are exact integers below 2^53).
 */

/**
 * JSON pointer into the document; `"default"` when no line of the document asked for it; `"command line"` for a command that
 * the caller gave in place of the document's.
 */
export type Origin = string;

export interface Desired {
  /** Name of the project: `name:` or the file's stem. */
  readonly project: string;
  readonly containers: readonly DesiredContainer[];
}

export interface DesiredContainer {
  readonly name: string;
  readonly rootfs: DesiredRootfs;
  readonly commands: readonly DesiredCommand[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path inside the container. Default `/`. */
  readonly workdir: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: DesiredUser;
  readonly userns: "auto" | "host";
  /** The stage stays as PID 1, reaps and forwards signals. Default: true for several commands. */
  readonly init: boolean;
  readonly stdin: boolean;
  readonly limits: DesiredLimits;
  readonly network: { readonly mode: "none" | "host" };
  readonly policy: DesiredPolicy;
  readonly stop: { readonly signal: string; readonly graceMs: number };
  /** For each key that has a value here: the pointer of what gave it (key → pointer); a key not listed is a default. */
  readonly origins: Readonly<Record<string, Origin>>;
}

export interface DesiredRootfs {
  /** Lowest first. */
  readonly layers: readonly DesiredLayer[];
  readonly writable:
    | { readonly kind: "tmpfs"; readonly sizeBytes?: number }
    | { readonly kind: "disk" }
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
  | { readonly kind: "dir"; readonly dir: string; readonly at: string; readonly origin: Origin };

export interface DesiredCommand {
  /** As the user named it, else `commands[0]`-like text is made by who shows it. */
  readonly name?: string;
  /** argv; a string in the YAML became `["/bin/sh", "-ec", text]`. */
  readonly exec: readonly string[];
  /** True when the YAML gave a string. */
  readonly shell: boolean;
  readonly workdir?: string;
  readonly user?: DesiredUser;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly once: boolean;
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
  readonly memoryBytes?: number;
  readonly pids?: number;
  /** True: `pids` is the default of 4096, which only warns where it can't hold. */
  readonly pidsIsDefault: boolean;
}

export interface DesiredPolicy {
  /** Presets asked for. Until the policy compiler exists only `[]` (said as `policy: none`) or the default. */
  readonly presets: readonly string[];
  readonly isDefault: boolean;
  /** Capability names without `CAP_`, upper case; absent: the default set. */
  readonly capabilities?: readonly string[];
}
