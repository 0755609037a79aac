/** Volumes that are mounted into a container that runs: opened by the stage, attached by a process that joins its mounts. Pure. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Host } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { DEFAULT } from "../origin.ts";
import { compileVolumes } from "../volumes.ts";
import type { Machine } from "./limits.ts";

/** Why the volumes of a container are what they were when it was made; `undefined`: more can be mounted. */
export function volumesSettled(
  { userns, rootfs }: DesiredContainer,
  { privileged }: Host,
): string | undefined {
  if (!privileged) {
    return "without root volumes are mounted by the container itself, when it is made";
  }
  if (userns !== "default" && userns !== "host") {
    return "it has ids of its own, which were chosen when it was made";
  }
  return rootfs.layers.some(({ kind }) => kind === "image")
    ? "its user is what its image says, which is read when it is made"
    : undefined;
}

/** Mounts all volumes of `container`. Throws HostError for a source that is not there. */
export function attachOps(container: DesiredContainer, { host, answers }: Machine): readonly Op[] {
  const outside = (user: { readonly uid: number; readonly gid: number }) => user;
  const { stage, container: inside } = compileVolumes(container, { host, outside }, answers);
  const common = { origin: DEFAULT } as const;
  return [
    ...stage,
    { ...common, kind: "join.clone", id: "join", where: "stage", announce: false },
    {
      ...common,
      kind: "join.namespaces",
      id: "join/mounts",
      where: "container",
      namespaces: ["mount"],
      root: true,
    },
    ...inside,
    { ...common, kind: "join.leave", id: "join/leave", where: "container" },
    { ...common, kind: "join.adopt", id: "join/adopt", where: "stage" },
    { ...common, kind: "watch", id: "stage/watch", where: "stage" },
  ];
}
