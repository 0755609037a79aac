/** A container that is wanted → its plan on this machine, and the stage's image that carries it out. */
import { encode, type Encoded } from "../../ffi/stage/encode.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { compile } from "../subjects/compile.ts";
import { devicesFor } from "../subjects/limits/devices.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { answer } from "./answers.ts";
import { dataDirectory } from "./data.ts";
import { observeHost } from "../observe/host.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { Answers, Host } from "../plan/host.ts";
import type { Plan } from "../plan/plan.ts";
import { dependsOnRootOwner } from "../subjects/rootfs/mapped.ts";
import { dependsOnOwners } from "../subjects/volumes.ts";
import { isPassed, openPassed } from "./passed.ts";
import type { StoredLayers } from "./layers.ts";
import { settleLayers } from "../subjects/layers.ts";

export interface Prepared {
  readonly plan: Plan;
  readonly image: Uint8Array<ArrayBuffer>;
  readonly records: Encoded["records"];
  /** True: the same spec on the same machine gives the same image. */
  readonly memorable: boolean;
  /** Opens what is handed to the container by descriptor; the caller closes it. Throws ContainervError. */
  readonly open?: () => readonly number[];
  /** Files that the plan depends on. */
  readonly files: readonly string[];
}

export interface PlanOptions {
  readonly host?: Host;
  /** The name is taken as it is; else the first free one from `first` on. */
  readonly instance?: string;
  readonly first?: number;
  /** The runner waits for the first command's execve. */
  readonly announce?: boolean;
  /** The container outlives the runner. */
  readonly detached?: true;
  /** Opens the containers that it joins by name: needed when it joins some. */
  readonly joined?: () => readonly number[];
  /** Its `tar` and `image` layers as they are in the store: needed when it has some. */
  readonly stored?: StoredLayers;
}

/** Plans for `host`, or for this machine. Throws HostError. Changes nothing. */
export function planContainer(
  container: DesiredContainer,
  options: PlanOptions = {},
): { plan: Plan; host: Host; answers: Answers } {
  const wantsCgroups = Object.keys(container.limits).some((key) => key !== "pidsIsDefault") ||
    devicesFor(container) !== undefined;
  const host = options.host ?? observeHost({ cgroups: wantsCgroups, roots: SYSTEM_ROOTS });
  const { stored } = options;
  const settled = settleLayers(container, stored?.layers);
  const answers = answer(settled, host, {
    ...(stored === undefined ? {} : { stored }),
    dataDirectory: dataDirectory(process.env, host.uid),
    first: options.first ?? 1,
    announce: options.announce ?? false,
    ...(options.instance === undefined ? {} : { instance: options.instance }),
    ...(options.detached === undefined ? {} : { detached: options.detached }),
  });
  return { plan: compile(container, host, answers), host, answers };
}

function allStored({ rootfs }: DesiredContainer): boolean {
  return rootfs.layers.length > 0 &&
    rootfs.layers.every(({ kind }) => kind === "tar" || kind === "image");
}

/** The plan of a container and the image that carries it out. Throws HostError. */
export function prepare(container: DesiredContainer, options: PlanOptions = {}): Prepared {
  const { plan, host, answers } = planContainer(container, options);
  const encoded = encode(lowerPlan(plan), host.architecture);
  return {
    plan,
    image: encoded.image,
    records: encoded.records,
    // What was read of the rootfs, of /dev and of owners is not in the machine's fingerprint, and secrets are for no cache.
    // Layers of the store never change.
    memorable: !dependsOnOwners(container) && !dependsOnRootOwner(container) &&
      !isPassed(container) && !mayChange(answers) && host.cgroups.v2?.delegated === undefined &&
      [answers.disks, answers.devices].every((answer) => answer === undefined) &&
      (allStored(container) ||
        answers.users === undefined && answers.collisions === undefined),
    ...(isPassed(container) ? { open: () => openPassed(container, options.joined) } : {}),
    files: answers.ids === undefined ? [] : ["/etc/subuid", "/etc/subgid"],
  };
}

/** A user with ids and nothing to map them with may get it tomorrow, which the fingerprint would not show. */
function mayChange({ ids }: Answers): boolean {
  return ids !== undefined && ids.helpers === undefined && ids.uids.length > 0;
}
