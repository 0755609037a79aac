/** What was asked for when a container was made ⇄ what is asked for now: what differs, and what each difference costs. Pure. */
import type {
  DesiredContainer,
  DesiredLimits,
  DesiredVolume,
} from "../../../spec/model/desired.ts";
import { LIMITS } from "../limits/compile.ts";

/**
 * `told`: only who looks after the container reads it. `live`: the kernel takes it while the container runs. `recreate`: it was
 * settled when the container was made.
 */
export type Cost = "told" | "live" | "recreate";

/** One key that is not as it was. */
export interface Difference {
  /** As in the YAML: `limits.memory`, `environment.MODE`, `volumes`. */
  readonly key: string;
  /** Pointer of what asks for it now; `default` where nothing does any more. */
  readonly origin: string;
  readonly cost: Cost;
  /** `64MiB → 128MiB`, where a few words say it. Values that may be secret are in none. */
  readonly text?: string;
}

type Key = keyof DesiredContainer;

/** What the supervisor and the records alone read. All that is not named here or below was settled at the start. */
const TOLD: readonly Key[] = [
  "labels",
  "stop",
  "dependsOn",
  "restart",
  "healthcheck",
  "update",
  "profiles",
];

/** Where a key stands, and its name, are no part of what it says. */
const IGNORED: readonly string[] = ["name", "origin", "origins"];

/** Every difference, in the order of the keys. */
export function compareContainers(
  was: DesiredContainer,
  wanted: DesiredContainer,
): readonly Difference[] {
  const keys = [...new Set([...Object.keys(was), ...Object.keys(wanted)])] as Key[];
  return keys.filter((key) => !IGNORED.includes(key) && !isSame(was[key], wanted[key]))
    .flatMap((key) => differencesOf(key, was, wanted));
}

function differencesOf(
  key: Key,
  was: DesiredContainer,
  wanted: DesiredContainer,
): readonly Difference[] {
  const origin = wanted.origins[key] ?? "default";
  switch (key) {
    case "limits":
      return limitDifferences(was.limits, wanted);
    case "environment":
      return environmentDifferences(was, wanted);
    case "volumes":
      return [{ key, origin, ...volumesCost(was.volumes, wanted.volumes) }];
    default:
      return [{ key, origin, cost: TOLD.includes(key) ? "told" : "recreate" }];
  }
}

/** Fields of the limits, by the key that the user knows. Those that are not here have their own name. */
const LIMIT_KEYS: Readonly<Record<string, string>> = {
  cpus: "cpu",
  cpuWeight: "cpu",
  memoryBytes: "memory",
  memoryHighBytes: "memory",
  memoryLowBytes: "memory",
  oomGroup: "memory",
  swapBytes: "swap",
  pidsIsDefault: "pids",
};

/** Nodes are made with the root file system, and resource limits are handed down from process to process. */
const SETTLED_LIMITS: readonly string[] = ["devices", "rlimits"];

function limitDifferences(was: DesiredLimits, wanted: DesiredContainer): readonly Difference[] {
  const { limits, origins } = wanted;
  const fields = [
    ...new Set([...Object.keys(was), ...Object.keys(limits)]),
  ] as (keyof DesiredLimits)[];
  const changed = fields.filter((field) => !isSame(was[field], limits[field]));
  const names = [...new Set(changed.map((field) => LIMIT_KEYS[field] ?? field))];
  return names.map((name): Difference => {
    const before = limitText(name, was);
    const after = limitText(name, limits);
    // 4096 by default, and 4096 as asked for, are the same to the kernel.
    const onlySaid = name === "pids" && was.pids === limits.pids;
    return {
      key: `limits.${name}`,
      origin: origins[`limits/${name}`] ?? origins["limits"] ?? "default",
      cost: onlySaid ? "told" : SETTLED_LIMITS.includes(name) ? "recreate" : "live",
      ...(before === after ? {} : { text: `${before} → ${after}` }),
    };
  });
}

function limitText(name: string, limits: DesiredLimits): string {
  if (name === "pids" && limits.pidsIsDefault) return `${limits.pids} (default)`;
  const limit = LIMITS.find(({ key }) => key === name);
  const text = limit?.asked(limits) === true ? limit.text(limits) : undefined;
  if (text === undefined) return "not set";
  return text.startsWith(`${name} `) ? text.slice(name.length + 1) : text;
}

/** A process has the environment that it was executed with: only where nothing was, all who read it are yet to come. */
function environmentDifferences(
  was: DesiredContainer,
  wanted: DesiredContainer,
): readonly Difference[] {
  const names = [...new Set([...Object.keys(was.environment), ...Object.keys(wanted.environment)])];
  const cost = isIdle(was) && isIdle(wanted) ? "told" : "recreate";
  return names.filter((name) => was.environment[name] !== wanted.environment[name]).map((name) => ({
    key: `environment.${name}`,
    origin: wanted.origins[`environment/${name}`] ?? wanted.origins["environment"] ?? "default",
    cost,
  }));
}

const isIdle = ({ commands, rootfs }: DesiredContainer): boolean =>
  commands.length === 0 && rootfs.layers.every(({ kind }) => kind !== "image");

/** A mount that is added below none of the others can be attached while the container runs. */
function volumesCost(
  was: readonly DesiredVolume[],
  wanted: readonly DesiredVolume[],
): Pick<Difference, "cost" | "text"> {
  const added = addedVolumes(was, wanted);
  const gone = was.filter(({ at }) => !wanted.some((volume) => volume.at === at));
  const text = [
    ...added.map(({ at }) => `+ ${at}`),
    ...gone.map(({ at }) => `- ${at}`),
    ...wanted.filter((volume) =>
      was.some((other) => other.at === volume.at && !isSame(other, volume))
    ).map(({ at }) => `~ ${at}`),
  ].join(", ");
  const kept = wanted.filter((volume) => !added.includes(volume));
  const covers = added.some((volume) => was.some(({ at }) => at.startsWith(`${volume.at}/`)));
  const live = isSame(was, kept) && !covers;
  return { cost: live ? "live" : "recreate", ...(text === "" ? {} : { text }) };
}

/** Those at places where none was. */
export function addedVolumes(
  was: readonly DesiredVolume[],
  wanted: readonly DesiredVolume[],
): readonly DesiredVolume[] {
  return wanted.filter(({ at }) => !was.some((volume) => volume.at === at));
}

/** Equal as data; where in the spec something stands is left aside, and so is the order of a map's keys. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    if (key === "origin" || key === "origins") continue;
    const [left, right] = [a, b].map((one) => (one as Record<string, unknown>)[key]);
    if (!isSame(left, right)) return false;
  }
  return true;
}
