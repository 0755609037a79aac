/** What the kernel says of a running process: its effective isolation, read back. Plain JSON. */
import type { Capability } from "../../ffi/abi/capability.ts";

export interface Isolation {
  /** As the host sees it. */
  readonly pid: number;
  /** As each nested pid namespace sees it, the innermost last. */
  readonly insidePids: readonly number[];
  readonly argv: readonly string[];
  readonly state: string;
  readonly namespaces: readonly IsolationNamespace[];
  readonly cgroups: readonly IsolationGroup[];
  readonly mounts: readonly IsolationMount[];
  readonly ids: IsolationIds;
  readonly capabilities: IsolationCapabilities;
  readonly noNewPrivileges: boolean;
  readonly seccomp: { readonly mode: "off" | "strict" | "filter"; readonly filters: number };
  /** No kernel tells the rules of another process. */
  readonly landlock: "unknown";
  /** AppArmor's or SELinux's label; absent where there is none. */
  readonly label?: string;
  readonly rlimits: readonly IsolationRlimit[];
  readonly oomScoreAdjust: number;
  readonly umask: string;
  readonly files: readonly { readonly fd: number; readonly target: string }[];
  /** What this user may not read. */
  readonly unreadable: readonly string[];
}

export interface IsolationNamespace {
  /** As in /proc/PID/ns: `mnt`, `pid`, `net`, … */
  readonly type: string;
  readonly inode: number;
  /** True: the same as that of whoever asked. */
  readonly host: boolean;
}

export interface IsolationGroup {
  /** `[]`: the unified hierarchy. */
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
  /** Below the hierarchy's root. */
  readonly path: string;
  /** File → what it holds: limits, and what is used of them. */
  readonly values: Readonly<Record<string, string>>;
}

export interface IsolationMount {
  readonly at: string;
  readonly fs: string;
  readonly source: string;
  /** Directory of the file system that is shown. */
  readonly root: string;
  readonly options: readonly string[];
  readonly superOptions: readonly string[];
}

export interface IsolationIds {
  /** Real, effective, saved, file system: as the reader's user namespace sees them. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly uidMap: readonly IsolationIdRange[];
  readonly gidMap: readonly IsolationIdRange[];
}

export interface IsolationIdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export type IsolationCapabilities = Readonly<
  Record<
    "bounding" | "permitted" | "effective" | "inheritable" | "ambient",
    readonly (Capability | `bit ${number}`)[]
  >
>;

export interface IsolationRlimit {
  /** As setrlimit(2) names it, small and without RLIMIT_. */
  readonly name: string;
  /** A number, or `unlimited`. */
  readonly soft: string;
  readonly hard: string;
  readonly unit: string;
}
