/** Limits of an ordinary user: below the group of cgroup v2 that is delegated to them, if one is. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Host } from "../../plan/host.ts";
import type { AskMove } from "../../plan/ops/ask.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { originOf } from "../origin.ts";
import type { CompiledLimits } from "./compile.ts";

/** Where processes go, that the group above may hand its controllers down. */
const LEAF = "containerv.processes";

/** The machine as far as groups go: for a user with a delegated group that is one with nothing but it. */
export function groupsHost(host: Host): Host {
  const delegated = host.cgroups.v2?.delegated;
  if (host.privileged || delegated === undefined) return host;
  const { path: mount, controllers, enabled } = delegated;
  return { ...host, privileged: true, cgroups: { v1: {}, v2: { mount, controllers, enabled } } };
}

/** The processes of the delegated group make room: what the runner is asked to do, and the operation that asks. */
export function makeRoom(
  container: DesiredContainer,
  host: Host,
  limits: CompiledLimits,
): AskMove | undefined {
  const delegated = host.cgroups.v2?.delegated;
  if (host.privileged || delegated === undefined || limits.groups.length === 0) return undefined;
  const { path } = delegated;
  return { kind: "move", from: path, to: `${path}/${LEAF}`, origin: originOf(container, "limits") };
}

export function roomOp(ask: AskMove, index: number): Op {
  return {
    kind: "cgroup.room",
    id: "limits/room",
    where: "stage",
    origin: ask.origin,
    index,
    from: ask.from,
    to: ask.to,
  };
}
