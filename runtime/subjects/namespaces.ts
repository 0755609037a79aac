/** `join:` and `time:` → namespaces that the stage enters before it clones, and clocks of the container's own. */
import type { DesiredContainer, JoinKind } from "../../spec/model/desired.ts";
import type { Host } from "../plan/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { Namespace } from "../plan/ops/namespace.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Loss } from "../plan/plan.ts";
import { FIRST_PASSED_FD } from "../plan/report.ts";
import { originOf } from "./origin.ts";
import { imagesOf } from "./rootfs/images.ts";

const NAMES: Readonly<Record<JoinKind, Namespace>> = {
  network: "net",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
  pid: "pid",
  user: "user",
};

export interface CompiledJoins {
  /** Before clone3. */
  readonly stage: readonly Op[];
  readonly joined: ReadonlySet<Namespace>;
  readonly losses: readonly Loss[];
}

/** Throws HostError for what the kernel gives to nobody who asks for it like this. */
export function compileJoins(container: DesiredContainer, host: Host): CompiledJoins {
  const kinds = (Object.keys(NAMES) as JoinKind[]).filter((kind) =>
    container.join[kind] !== undefined
  );
  const [first] = kinds;
  const pid = originOf(container, "join/pid", "join");
  if (first !== undefined && !host.privileged && container.join.user === undefined) {
    throw new HostError("JOIN_NEEDS_USER", {
      origin: originOf(container, `join/${first}`, "join"),
      message:
        `an ordinary user joins another's ${first} namespace only from inside the user namespace that owns it`,
      fix: "name that one too: join: {user: …}, or run as root",
    });
  }
  // Root has its rights over the others before it goes into a user namespace, everybody else only in there.
  const order = host.privileged ? kinds : [...kinds].sort((a, b) => rank(a) - rank(b));
  return {
    stage: [
      ...order.flatMap((kind) => openOp(container, kind)),
      ...order.map((kind) => joinOp(container, kind)),
    ],
    joined: new Set(kinds.map((kind) => NAMES[kind])),
    losses: container.join.pid === undefined ? [] : [{
      code: "JOINED_PID_OUTLIVES",
      origin: pid,
      message:
        "in a joined pid namespace processes that the commands leave behind outlive the container",
    }],
  };
}

const rank = (kind: JoinKind): number => kind === "user" ? 0 : 1;

/** A namespace of a container that runs: its first process is handed over by descriptor, behind secrets and image files. */
export interface JoinedContainer {
  readonly kind: JoinKind;
  readonly container: string;
  readonly origin: string;
}

export function joinedContainers(container: DesiredContainer): readonly JoinedContainer[] {
  return (Object.keys(NAMES) as JoinKind[]).flatMap((kind) => {
    const target = container.join[kind];
    if (target === undefined || typeof target === "string") return [];
    return [{ kind, ...target, origin: originOf(container, `join/${kind}`, "join") }];
  });
}

function openOp(container: DesiredContainer, kind: JoinKind): readonly Op[] {
  const path = container.join[kind];
  if (typeof path !== "string") return [];
  const origin = originOf(container, `join/${kind}`, "join");
  const id = `namespaces/open/${kind}`;
  return [{ kind: "namespace.open", id, where: "stage", origin, path, fd: `${kind} namespace` }];
}

function joinOp(container: DesiredContainer, kind: JoinKind): Op {
  const joined = joinedContainers(container);
  const index = joined.findIndex((one) => one.kind === kind);
  const named = joined[index];
  return {
    kind: "namespace.join",
    id: `namespaces/join/${kind}`,
    where: "stage",
    origin: originOf(container, `join/${kind}`, "join"),
    namespace: NAMES[kind],
    ...(named === undefined ? { fd: `${kind} namespace` } : {
      fd: FIRST_PASSED_FD + container.secrets.length + imagesOf(container).length + index,
      of: named.container,
    }),
  };
}

/** Clocks of its own: before the process becomes another user, since only then its files in /proc are its own. */
export function timeOps(container: DesiredContainer): readonly Op[] {
  if (container.time === undefined) return [];
  const origin = originOf(container, "time");
  return [{ kind: "time", id: "namespaces/time", where: "container", origin, ...container.time }];
}
