/**
 * Outputs of detached containers: copied when they have ended, by whoever comes first — the program that the keeper starts then, a
 * command that meets the ended container, its supervisor. The project's lock decides, the record says that it was done.
 */
import type { Fd } from "../../ffi/linux/fd.ts";
import { connectKeeper, heldByKeeper, releaseByKeeper } from "../apply/keeper.ts";
import type { ErrorFacts } from "../plan/error.ts";
import type { Output } from "../plan/ops/files.ts";
import type { ProjectPlaces } from "../state/places.ts";
import type { Collected, ContainerRecord } from "../state/record.ts";
import { isLocked } from "../../ffi/linux/lock_file.ts";
import { type ContainerView, viewOne, viewProject, viewSome } from "./containers.ts";
import { openProject, saveContainer } from "./project.ts";

/** How long after a process's end its keeper may take to write it down. */
const NOTED_MS = 2000;

/** True when outputs of it are still to be copied: at once, or when it has ended. */
export const hasUncollected = ({ record, state }: ContainerView): boolean =>
  record?.outputs !== undefined && record.collected === undefined &&
  (state === "running" || state === "exited");

/** Copies what the container has left, if that was not done before. The caller holds the lock. `undefined`: there is nothing to copy. */
export async function collect(view: ContainerView): Promise<Collected | undefined> {
  const { record, ending } = view;
  if (record?.collected !== undefined) return record.collected;
  if (record?.outputs === undefined || view.state !== "exited" || ending === undefined) {
    return undefined;
  }
  const good = ending.status === 0 && !ending.lost;
  const due = record.outputs.filter(({ when }) => good || when === "always");
  const collected = await collectDue(view.project, record, { due, good });
  saveContainer(view, { ...record, collected });
  releaseHeld(view.project, record);
  return collected;
}

async function collectDue(
  places: ProjectPlaces,
  record: ContainerRecord,
  { due, good }: { readonly due: readonly Output[]; readonly good: boolean },
): Promise<Collected> {
  if (due.length === 0) return { copied: [], missed: [] };
  const held = heldOf(places, record);
  try {
    const [root] = held;
    if (root === undefined) return { copied: [], missed: due.map((op) => lost(record, op)) };
    return (await import("./files.ts")).collectFrom(root, due, good);
  } finally {
    for (const fd of held) fd[Symbol.dispose]();
  }
}

function heldOf(places: ProjectPlaces, { log }: ContainerRecord): readonly Fd[] {
  const keeper = connectKeeper(places);
  if (keeper === undefined) return [];
  using _socket = keeper.socket;
  return heldByKeeper(keeper, log);
}

function lost({ name }: ContainerRecord, { from, origin }: Output): ErrorFacts {
  return {
    code: "OUTPUTS_LOST",
    message: `${from} of ${name} is gone: the keeper that held it was killed when it had ended`,
    pointer: `${origin}/from`,
    fix: "start it again, or give it a volume there",
  };
}

/** What the keeper holds of a container for its outputs is let go. */
export function releaseHeld(places: ProjectPlaces, record: ContainerRecord): void {
  if (record.outputs === undefined) return;
  const keeper = connectKeeper(places);
  if (keeper === undefined) return;
  using _socket = keeper.socket;
  releaseByKeeper(keeper, record.log);
}

/**
 * Copies of those of the containers that have ended by now, or are just about to be noted as such: their end was asked for, and their
 * processes are gone. The caller holds the lock. Gives what could not be had.
 */
export async function collectEnded(
  views: readonly ContainerView[],
): Promise<readonly { readonly name: string; readonly facts: ErrorFacts }[]> {
  const names = new Set(views.filter(hasUncollected).map(({ name }) => name));
  const [first] = views;
  if (first === undefined || names.size === 0) return [];
  const missed: { name: string; facts: ErrorFacts }[] = [];
  for (const view of await awaitNoted(first.project, names)) {
    const collected = await collect(view);
    for (const facts of collected?.missed ?? []) missed.push({ name: view.name, facts });
  }
  return missed;
}

/** The containers as they are when none of them runs any more, or the keeper takes too long to note it. */
async function awaitNoted(
  places: ProjectPlaces,
  names: ReadonlySet<string>,
): Promise<readonly ContainerView[]> {
  for (const deadline = performance.now() + NOTED_MS;;) {
    const views = viewSome(places, names);
    const isNoted = views.every(({ state }) => state !== "running");
    if (isNoted || performance.now() > deadline) return views;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** As `collect`, for who does not hold the project's lock; waits for it only where there is something to copy. */
export async function collectLocked(view: ContainerView): Promise<Collected | undefined> {
  const now = viewOne(view.project, view.name);
  if (now?.record?.outputs === undefined) return undefined;
  if (now.record.collected !== undefined) return now.record.collected;
  const { withProjectOf } = await import("./verbs.ts");
  return await withProjectOf(now, (_project, one) => collect(one));
}

/** How often a project that somebody changes is looked at. */
const LOOK_MS = 20;

/**
 * Copies what the ended containers of a project have left, unless who holds its lock does so. Nothing is waited for that another may
 * wait for: whoever removes the project waits for its keeper, and the keeper for us.
 */
export async function collectProject(places: ProjectPlaces): Promise<void> {
  const isDue = (view: ContainerView): boolean => view.state === "exited" && hasUncollected(view);
  for (;;) {
    const { record, containers } = viewProject(places);
    if (!containers.some(isDue)) return;
    if (isLocked(places.lock)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      continue;
    }
    using _project = await openProject(places, { name: record?.name ?? places.key, file: "" });
    await collectEnded(viewProject(places).containers.filter(isDue));
  }
}
