import { join, type Value } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredContainer, JoinKind, JoinTarget } from "./desired.ts";
import { byType, DURATION, map, type Schema } from "./fragment.ts";
import { readDuration } from "./quantity.ts";
import type { ContainerKeys } from "./spec_type.ts";

/** The user's word for each namespace that can be joined, and the kernel's name of its file in /proc/PID/ns. */
const KINDS: Readonly<Record<JoinKind, string>> = {
  network: "net",
  ipc: "ipc",
  uts: "uts",
  pid: "pid",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

/** Another key that says what this namespace is to be. */
const OTHER_KEYS: Partial<Readonly<Record<JoinKind, "network" | "hostname" | "userns" | "time">>> =
  {
    network: "network",
    uts: "hostname",
    user: "userns",
    time: "time",
  };

const TARGET: Schema = byType({
  integer: { minimum: 1, maximum: 4_194_304 },
  string: { minLength: 1, maxLength: 4095 },
}, {
  title: "Namespace",
  description:
    "A container that runs, by name (of the same project first) or id; a process id; or the path of a namespace: /proc/PID/ns/NAME, or a file that one is mounted on.",
  examples: ["db", "/proc/4711/ns/net", 4711],
  "x-expects": "a container's name, a process id, or a path such as /proc/4711/ns/net",
});

export const JOIN_SCHEMA: Schema = map(
  Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, TARGET])),
  {
    title: "Joined namespaces",
    description:
      "Namespaces of other processes that the container is in, in place of its own. A container of the same file that is named is started first. An ordinary user joins the `user` namespace of a process of theirs first; the others must belong to it. In a joined `pid` namespace the container has no PID 1 of its own: what its commands leave behind outlives it.",
    examples: [{ network: "db" }, { network: "/run/netns/blue" }, { network: 4711, ipc: 4711 }],
    "x-expects": "a map such as {network: /proc/4711/ns/net}",
  },
);

export const TIME_SCHEMA: Schema = map({
  monotonic: {
    title: "Monotonic",
    description: "CLOCK_MONOTONIC is so much ahead.",
    ...DURATION,
    examples: ["1h"],
  },
  boottime: {
    title: "Boot time",
    description: "CLOCK_BOOTTIME, and with it the uptime, is so much ahead.",
    ...DURATION,
    examples: ["1d"],
  },
}, {
  title: "Clocks",
  description:
    "A time namespace of the container's own, whose clocks are ahead of the host's. The date is nobody's to change. Absent: none.",
  examples: [{ boottime: "1d" }],
  "x-expects": "a map such as {boottime: 1d}",
});

/** `join:` → the files to open, and the containers to find. */
export function normaliseJoin(
  context: Context,
  { value, pointer }: Part<ContainerKeys["join"]>,
  keys: ContainerKeys,
): DesiredContainer["join"] {
  const result: Partial<Record<JoinKind, JoinTarget>> = {};
  for (const [kind, target] of Object.entries(value ?? {}) as [JoinKind, Value][]) {
    const part = { value: target, pointer: join(pointer, kind) };
    const other = OTHER_KEYS[kind];
    if (other !== undefined && keys[other] !== undefined) {
      const message = `\`join: {${kind}: …}\` and \`${other}\` exclude each other`;
      context.report({ code: "CONTRADICTION", message, pointer: part.pointer });
    }
    const found = targetOf(context, kind, part);
    if (found !== undefined) result[kind] = found;
  }
  return result;
}

/** `web`, or with its project `shop-3f2a91c04d7e/web`. */
const CONTAINER = /^([a-z0-9][a-z0-9_.-]{0,62}-[0-9a-f]{12}\/)?[a-z0-9][a-z0-9_.-]{0,62}$/;

function targetOf(
  context: Context,
  kind: JoinKind,
  { value, pointer }: Part<Value>,
): JoinTarget | undefined {
  if (typeof value === "number") return `/proc/${value}/ns/${KINDS[kind]}`;
  if (typeof value === "string" && value.startsWith("/")) return value;
  // Whoever starts it looks for a container that runs.
  if (typeof value === "string" && CONTAINER.test(value)) return { container: value };
  const message = "this is no container's name, and no absolute path";
  const note = `a name such as db, a process id, or a path such as /proc/4711/ns/${KINDS[kind]}`;
  context.report({ code: "BAD_VALUE", message, pointer, note });
  return undefined;
}

/** `time:` → milliseconds that each clock is ahead. */
export function normaliseTime(
  context: Context,
  { value, pointer }: Part<ContainerKeys["time"]>,
): DesiredContainer["time"] {
  if (value === undefined) return undefined;
  const read = (key: "monotonic" | "boottime"): number =>
    readDuration(context, { value: value[key] ?? "0s", pointer: join(pointer, key) }) ?? 0;
  return { monotonicMs: read("monotonic"), boottimeMs: read("boottime") };
}
