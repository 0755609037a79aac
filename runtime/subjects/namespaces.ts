/** `join:` and `time:` → namespaces that the stage enters before it clones, and clocks of the container's own. */
import type { DesiredContainer, JoinKind } from "../../spec/model/desired.ts";
import type { Host } from "../plan/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { Namespace } from "../plan/ops/namespace.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Loss } from "../plan/plan.ts";
import { originOf } from "./origin.ts";

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
      ...order.map((kind) => openOp(container, kind)),
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

function openOp(container: DesiredContainer, kind: JoinKind): Op {
  const origin = originOf(container, `join/${kind}`, "join");
  const path = container.join[kind] ?? "";
  const id = `namespaces/open/${kind}`;
  return { kind: "namespace.open", id, where: "stage", origin, path, fd: `${kind} namespace` };
}

function joinOp(container: DesiredContainer, kind: JoinKind): Op {
  return {
    kind: "namespace.join",
    id: `namespaces/join/${kind}`,
    where: "stage",
    origin: originOf(container, `join/${kind}`, "join"),
    namespace: NAMES[kind],
    fd: `${kind} namespace`,
  };
}

/** Clocks of its own: before the process becomes another user, since only then its files in /proc are its own. */
export function timeOps(container: DesiredContainer): readonly Op[] {
  if (container.time === undefined) return [];
  const origin = originOf(container, "time");
  return [{ kind: "time", id: "namespaces/time", where: "container", origin, ...container.time }];
}
