/** The namespaces of every container, `join`, `time` ⇄ `linux.namespaces`, `linux.timeOffsets`. */
import type { DesiredContainer, JoinKind } from "../model/desired.ts";
import type { ContainerKeys, NetworkMode } from "../model/spec_type.ts";
import type { OciNamespace, OciPart, OciTimeOffset } from "./config.ts";
import { type Document, isNumber, isText } from "./document.ts";
import { type OciLoss, originOf, type Said } from "./loss.ts";

/** Every container here has these namespaces of its own, or joins another's; to be without one is a loss. */
const ALWAYS = ["pid", "ipc", "uts", "mount", "cgroup"] as const;

/** The word is the same in both vocabularies. */
const JOINABLE = [
  "network",
  "ipc",
  "uts",
  "pid",
  "user",
  "cgroup",
  "time",
] as const satisfies readonly JoinKind[];

export function namespacesToOci(container: DesiredContainer): Said<OciPart> {
  const { join, time } = container;
  const own = ALWAYS.filter((type) => type === "mount" || join[type] === undefined);
  const joined = JOINABLE.flatMap((type): readonly OciNamespace[] => {
    const target = join[type];
    if (target === undefined) return [];
    // One of its own rather than the host's: nobody gets more than was said.
    return [typeof target === "string" ? { type, path: target } : { type }];
  });
  const clocks = time === undefined ? [] : [{ type: "time" } as const];
  return {
    part: {
      linux: {
        namespaces: [...own.map((type) => ({ type })), ...joined, ...clocks],
        ...(time === undefined ? {} : {
          timeOffsets: {
            monotonic: offsetOf(time.monotonicMs),
            boottime: offsetOf(time.boottimeMs),
          },
        }),
      },
    },
    losses: JOINABLE.flatMap((type): readonly OciLoss[] => {
      const target = join[type];
      if (target === undefined || typeof target === "string") return [];
      return [{
        origin: originOf(container.origins, `join/${type}`, "join"),
        message: `OCI joins a namespace by its path, and knows no container ${target.container}: ` +
          "config.json has one of its own instead",
        fix: `write its path: join: {${type}: /proc/PID/ns/…}`,
      }];
    }),
  };
}

const offsetOf = (ms: number): OciTimeOffset => ({
  secs: Math.floor(ms / 1000),
  nanosecs: ms % 1000 * 1_000_000,
});

export interface ImportedNamespaces {
  readonly network?: NetworkMode;
  readonly join?: NonNullable<ContainerKeys["join"]>;
  readonly time?: NonNullable<ContainerKeys["time"]>;
}

export function namespacesFromOci(
  document: Document,
): { readonly keys: ImportedNamespaces; readonly losses: readonly OciLoss[] } {
  const value = document.peek("linux", "namespaces");
  const list = Array.isArray(value) ? value as readonly { type?: unknown; path?: unknown }[] : [];
  const types = new Set<unknown>();
  const join: Partial<Record<JoinKind, string>> = {};
  list.forEach(({ type, path }, index) => {
    const kind = JOINABLE.find((name) => name === type);
    if (isText(path) && path.startsWith("/") && kind !== undefined) join[kind] = path;
    // A user namespace of its own is what the mappings say; one that is of no kind that has a word is nobody's to take.
    else if (path !== undefined || (kind === undefined && type !== "mount")) return;
    document.take("linux", "namespaces", index);
    types.add(type);
  });
  const losses = ALWAYS.filter((type) => !types.has(type)).map((type) => ({
    origin: "/linux/namespaces",
    message: `it shares the host's ${type} namespace; here it gets one of its own`,
  }));
  const time = join.time === undefined && types.has("time") ? timeFromOci(document) : undefined;
  return {
    keys: {
      ...(types.has("network") ? {} : { network: "host" as const }),
      ...(Object.keys(join).length === 0 ? {} : { join }),
      ...(time === undefined ? {} : { time }),
    },
    losses,
  };
}

/** Clocks that are behind the host's have no word here. */
function timeFromOci(document: Document): NonNullable<ContainerKeys["time"]> {
  const read = (clock: "monotonic" | "boottime"): string => {
    const at = ["linux", "timeOffsets", clock] as const;
    const [secs = 0, nanosecs = 0] = [
      document.peek(...at, "secs"),
      document.peek(...at, "nanosecs"),
    ];
    const ms = isNumber(secs) && isNumber(nanosecs) ? secs * 1000 + nanosecs / 1_000_000 : -1;
    if (!Number.isSafeInteger(ms) || ms < 0) return "0s";
    document.take(...at);
    return `${ms}ms`;
  };
  return { monotonic: read("monotonic"), boottime: read("boottime") };
}
