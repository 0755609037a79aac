/** A spec → something that can be started: remembered from an earlier run, or planned now. */
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { fingerprint } from "../observe/fingerprint.ts";
import { recallRun, rememberRun } from "../state/run_cache.ts";
import { fileVersion } from "../../ffi/linux/file.ts";
import type { ReadSpec } from "./load.ts";
import type { PlanOptions } from "./prepare.ts";
import { type Startable, withCopies } from "./start.ts";
import { joinedByName, storedLayers } from "./stored.ts";

export interface Planned extends Startable {
  readonly memorable: boolean;
  /** Files that the plan depends on: those that say which controllers are on, and which ids are the user's. */
  readonly switches: readonly string[];
  /** Archives that its layers come from, as they were when they were read, and the layers. */
  readonly watched: Readonly<Record<string, string>>;
}

/** Plans and encodes a container. Throws HostError. */
export async function plannedStartable(
  container: DesiredContainer,
  options: PlanOptions = {},
): Promise<Planned> {
  const { prepare } = await import("./prepare.ts");
  const layers = await storedLayers(container);
  const joined = await joinedByName(container);
  const prepared = prepare(container, { ...options, ...layers, ...joined });
  return await withCopies({
    image: prepared.image,
    summary: prepared.plan.summary,
    open: prepared.open,
    memorable: prepared.memorable && prepared.plan.instance === container.name &&
      layers?.stored.steady !== false,
    watched: layers?.stored.watched ?? {},
    switches: prepared.files.concat(
      prepared.plan.ops.flatMap((op) =>
        op.kind === "cgroup.make"
          ? op.parents.filter((parent) => parent.enable.length > 0 && !parent.removable)
            .map((parent) => `${parent.path}/cgroup.subtree_control`)
          : []
      ),
    ),
    explain: () => Promise.resolve(prepared),
    rename: (first) => plannedStartable(container, { first }),
  });
}

/** What an earlier run of the same spec on the same machine left; `undefined` when there is none that fits. */
export function rememberedStartable(
  spec: ReadSpec,
  load: () => Promise<LoadResult>,
): Startable | undefined {
  if (spec.cache === undefined) return undefined;
  const known = recallRun(spec.cache, spec.key, fingerprint);
  if (known === undefined) return undefined;
  const container = async (): Promise<DesiredContainer> => {
    const only = (await load()).desired?.containers[0];
    if (only === undefined) throw new Error("a spec that was good is not any more");
    return only;
  };
  return {
    ...known,
    explain: async () => {
      const only = await container();
      const layers = await storedLayers(only);
      return (await import("./prepare.ts")).prepare(only, { instance: only.name, ...layers });
    },
    rename: async (first) => plannedStartable(await container(), { first }),
  };
}

/** Keeps what the next run of the same spec can start at once. A spec with warnings is not kept: they are to be seen. */
export function remember(
  spec: ReadSpec,
  result: LoadResult,
  startable: Planned,
): void {
  if (spec.cache === undefined || !startable.memorable || result.volatile === true) return;
  if (result.diagnostics.length > 0) return;
  const { image, summary, switches } = startable;
  const known = Object.entries(startable.watched);
  // An archive that changed meanwhile is another one.
  if (known.some(([path, text]) => fileVersion(path)?.text !== text)) return;
  const watched = known.map(([path]) => path);
  const machine = fingerprint(switches, watched);
  rememberRun(spec.cache, spec.key, {
    image,
    summary,
    switches,
    fingerprint: machine,
    ...(watched.length === 0 ? {} : { watched }),
  });
}
