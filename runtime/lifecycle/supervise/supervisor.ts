/**
 * The supervisor of a project: this very program in another role, one per project, there only while a container needs checks or
 * restarts. It owns nothing: records, keeper and containers outlive it, and the next `up` starts another.
 */
import { watch } from "node:fs";
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import { identify } from "../../state/identity.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { forgetSupervisor, writeSupervisor } from "../../state/supervised.ts";
import { createBell } from "../bell.ts";
import { openProject } from "../project.ts";
import { type WatchOrder, watchSpec } from "./watcher.ts";
import { superviseProject } from "./supervision.ts";

/** What a supervisor is given on its standard input: values of secrets are in it, so it is never a file or an argument. */
export interface SupervisorOrder {
  readonly places: ProjectPlaces;
  readonly name: string;
  /** Absolute path of the spec. */
  readonly file: string;
  readonly containers: readonly DesiredContainer[];
  /** It stays for as long as the project is there, and says `up` again when the spec has changed. */
  readonly watch?: WatchOrder;
}

/** A look at the records without any event: should one have been missed, or the runtime's watching not work here. */
const LOOK_MS = 30_000;

/** Supervises until nothing is left to supervise. Throws ContainervError where there can be no state. */
export async function supervise(order: SupervisorOrder): Promise<void> {
  const { places, name, file } = order;
  const bell = createBell();
  const supervision = superviseProject({
    places,
    wake: bell.ring,
    change: async (act) => {
      using project = await openProject(places, { name, file });
      return await act(project);
    },
    // Nobody reads a supervisor's output; what went wrong shows in `ps`, and is tried again as the policy says.
    onFailure: () => {},
  });
  for (const container of order.containers) supervision.watch(container);
  const own = identify(process.pid);
  const watches = order.watch === undefined ? {} : { watches: true as const };
  if (own !== undefined) writeSupervisor(places, { process: own, ...watches });
  const watcher = watch(places.directory, bell.ring);
  // The directory goes with the project.
  watcher.on("error", bell.ring);
  using spec = order.watch === undefined ? undefined : watchSpec(places, order.watch);
  try {
    for (;;) {
      const due = await supervision.step();
      if (spec === undefined && supervision.idle()) {
        forgetSupervisor(places);
        return;
      }
      await bell.wait(Math.min(due ?? LOOK_MS, LOOK_MS));
    }
  } finally {
    watcher.close();
  }
}
