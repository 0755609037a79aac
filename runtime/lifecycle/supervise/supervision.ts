/**
 * The supervision of one project: health checks when they are due, restarts when they are due. Who holds it (`up` while it
 * waits, the supervisor afterwards) calls `step` whenever something may have happened; the decisions are those of
 * runtime/subjects/supervision.
 */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import { factsOf } from "../../apply/facts.ts";
import type { ErrorFacts } from "../../plan/error.ts";
import { oomKills } from "../../observe/oom.ts";
import type { ProcessIdentity } from "../../state/identity.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { groupsOf } from "../../state/record.ts";
import type { Known } from "../../subjects/supervision/dependencies.ts";
import { type Health, judge, JUST_STARTED } from "../../subjects/supervision/health.ts";
import {
  decideRestart,
  NO_RESTARTS,
  type RestartHistory,
} from "../../subjects/supervision/restart.ts";
import { type ContainerView, desiredOf, viewOne, viewSome } from "../containers.ts";
import { collectEnded } from "../collect.ts";
import { startDetached } from "../detached.ts";
import type { OpenProject } from "../project.ts";
import { stopContainers } from "../stop.ts";
import { joinedNames } from "../joining.ts";
import { undoMade } from "../take_back.ts";
import { type EventType, noteEvent } from "../../state/events.ts";
import { markStopped, writeSupervised } from "../../state/supervised.ts";
import { runCheck } from "./check.ts";

export interface SupervisionOptions {
  readonly places: ProjectPlaces;
  /** Gives the project, locked, to `act`: only then anything of it is changed. */
  readonly change: <Result>(act: (project: OpenProject) => Promise<Result>) => Promise<Result>;
  /** Called when a check is over: it is time for another step. */
  readonly wake: () => void;
  /** Called for what went wrong; the supervision goes on. */
  readonly onFailure: (name: string, facts: ErrorFacts) => void;
}

export interface Supervision {
  /** Does what is due. Gives the milliseconds until something is due again; `undefined`: only an event brings more. */
  readonly step: () => Promise<number | undefined>;
  /** Adds a container, or takes its new form. */
  readonly watch: (container: DesiredContainer) => void;
  readonly known: (name: string) => Known;
  /** True when nothing is left that could need a check or a restart. */
  readonly idle: () => boolean;
}

/** True when the container needs somebody who stays. */
export const needsSupervisor = ({ restart, healthcheck }: DesiredContainer): boolean =>
  restart.policy !== "no" || healthcheck !== undefined;

interface Watched {
  readonly container: DesiredContainer;
  /** The process that all below is about; another one begins anew. */
  process?: ProcessIdentity;
  /** When that was started, in milliseconds since 1970. */
  started?: number;
  view?: ContainerView;
  health: Health;
  checking: boolean;
  history: RestartHistory;
  restarts: number;
  /** When it is started again, in milliseconds since 1970. */
  restartAt?: number;
  /** Its ending was looked at. */
  decided: boolean;
  /** What `onFailure` of its check asks for, not yet done. */
  action: "none" | "restart" | "stop";
}

export function superviseProject(options: SupervisionOptions): Supervision {
  const all = new Map<string, Watched>();
  return {
    watch(container) {
      const known = all.get(container.name);
      all.set(container.name, known === undefined ? fresh(container) : { ...known, container });
    },
    known: (name) => knownOf(all.get(name)),
    idle: () => [...all.values()].every((one) => isIdle(one)),
    async step() {
      look(options.places, all);
      let due: number | undefined;
      const joining = (name: string): readonly Watched[] =>
        [...all.values()].filter(({ container }) => joinedNames(container).includes(name));
      for (const one of all.values()) {
        const next = await advance(one, { ...options, joining });
        if (next !== undefined && (due === undefined || next < due)) due = next;
      }
      return due;
    },
  };
}

function fresh(container: DesiredContainer): Watched {
  return {
    container,
    health: JUST_STARTED,
    checking: false,
    history: NO_RESTARTS,
    restarts: 0,
    decided: false,
    action: "none",
  };
}

function knownOf(one: Watched | undefined): Known {
  const view = one?.view;
  if (one === undefined || view === undefined) return { state: "absent" };
  if (view.state === "running") {
    return one.container.healthcheck === undefined ? { state: "running" } : {
      state: "running",
      health: one.health.status,
      restarting: one.action === "restart",
    };
  }
  if (view.state !== "exited") return { state: "absent" };
  return {
    state: "ended",
    ...(view.ending === undefined || view.ending.lost ? {} : { code: view.ending.status }),
    restarting: one.restartAt !== undefined,
  };
}

function isIdle({ container, view, restartAt, decided }: Watched): boolean {
  if (view === undefined) return true;
  if (view.state === "running") return !needsSupervisor(container);
  // One that was just started may have ended again, and nobody has looked at that yet.
  return restartAt === undefined && (decided || view.state !== "exited");
}

/** What the records and the kernel say now. */
function look(places: ProjectPlaces, all: Map<string, Watched>): void {
  if (all.size === 0) return;
  const names = new Set(all.keys());
  const views = new Map(viewSome(places, names).map((view) => [view.name, view]));
  for (const one of all.values()) {
    const view = views.get(one.container.name);
    if (view === undefined) delete one.view;
    else one.view = view;
    const { process, started } = view?.record ?? {};
    // One that ended before its keeper had it has no process: then the time tells it apart.
    const isOther = process?.pid !== one.process?.pid ||
      process?.startTicks !== one.process?.startTicks || started !== one.started;
    if (!isOther) continue;
    if (process === undefined) delete one.process;
    else one.process = process;
    if (started === undefined) delete one.started;
    else one.started = started;
    one.health = JUST_STARTED;
    one.decided = false;
    one.action = "none";
    delete one.restartAt;
  }
}

interface Advancing extends SupervisionOptions {
  /** Those that are in namespaces of the container of this name. */
  readonly joining: (name: string) => readonly Watched[];
}

async function advance(one: Watched, options: Advancing): Promise<number | undefined> {
  switch (one.view?.state) {
    case "running":
      return await whileRunning(one, options);
    case "exited":
      return await afterEnd(one, options);
    default:
      return undefined;
  }
}

async function whileRunning(
  one: Watched,
  options: SupervisionOptions,
): Promise<number | undefined> {
  const { healthcheck } = one.container;
  const { process, started = 0 } = one;
  if (healthcheck === undefined || process === undefined) return undefined;
  // It can't answer, and that is no fault of its own.
  if (one.view?.paused === true) return undefined;
  if (one.action !== "none") await act(one, options);
  if (one.checking) return undefined;
  const dueMs = started + one.health.dueMs - Date.now();
  if (dueMs > 0) return dueMs;
  one.checking = true;
  // Not awaited: a check that takes its time must not keep the others from theirs.
  runCheck(healthcheck, { container: one.container, process }).catch((error: unknown) => {
    options.onFailure(one.container.name, factsOf(error));
    return false;
  }).then((passed) => {
    one.checking = false;
    if (one.process !== process) return;
    const { health, action } = judge(healthcheck, one.health, {
      passed,
      atMs: Date.now() - started,
    });
    const changed = health.status !== one.health.status;
    one.health = health;
    if (action !== "none") one.action = action;
    if (!changed) return;
    save(one);
    if (health.status !== "starting") say(one, health.status);
  }).finally(options.wake);
  return undefined;
}

/** An unhealthy container is ended; `restart` then begins it anew as a failure would, `stop` leaves it down. */
async function act(one: Watched, options: SupervisionOptions): Promise<void> {
  const { view, action } = one;
  one.action = "none";
  if (view === undefined) return;
  await options.change(async () => {
    if (action === "stop") markStopped(view.places);
    await stopContainers([view]);
  });
  if (action !== "restart") return;
  one.decided = true;
  one.restartAt = Date.now();
}

async function afterEnd(one: Watched, options: Advancing): Promise<number | undefined> {
  const { container, view } = one;
  const { ending, record } = view ?? {};
  if (ending === undefined || record === undefined) return undefined;
  if (!one.decided) {
    one.decided = true;
    const decision = decideRestart(container.restart, {
      code: ending.status,
      asked: view?.stopped === true,
      ranMs: Math.max(0, ending.at - (record.started ?? ending.at)),
    }, one.history);
    if (decision.restart && hasMore(container)) {
      one.restartAt = ending.at + decision.afterMs;
      one.history = decision.history;
    }
    save(one);
    // Its groups go with the next start, and with them what they counted.
    if (ending.status !== 0 && oomKills(groupsOf(record)) > 0) {
      say(one, "oom", one.process === undefined ? {} : { pid: one.process.pid });
    }
    if (one.restartAt === undefined) say(one, ending.status === 0 ? "completed" : "failed");
  }
  if (one.restartAt === undefined) return undefined;
  const dueMs = one.restartAt - Date.now();
  if (dueMs > 0) return dueMs;
  await restart(one, options);
  return 0;
}

/** False when all that it has to do is done once for all. */
const hasMore = ({ commands }: DesiredContainer): boolean =>
  commands.length === 0 || commands.some(({ once }) => !once);

async function restart(one: Watched, options: Advancing): Promise<void> {
  const { name } = one.container;
  delete one.restartAt;
  let failed: ErrorFacts | undefined;
  await options.change(async (project) => {
    const now = viewOne(project.places, name);
    // Somebody may have started, stopped or removed it meanwhile.
    const same = now?.record?.process?.pid === one.process?.pid;
    if (now?.state !== "exited" || now.record === undefined || !same || now.stopped) return;
    for (const { facts } of await collectEnded([now])) options.onFailure(name, facts);
    for (const facts of undoMade(now.record)) options.onFailure(name, facts);
    one.restarts++;
    try {
      // `update` may have given it other limits than its spec.
      const container = { ...one.container, limits: desiredOf(now).limits };
      const { failure, leftovers } = await startDetached(project, container, { again: true });
      for (const facts of leftovers) options.onFailure(name, facts);
      failed = failure;
    } catch (error) {
      failed = factsOf(error);
    }
  });
  if (failed !== undefined) {
    options.onFailure(name, failed);
    tryLater(one);
  }
  look(options.places, new Map([[name, one]]));
  save(one);
  if (failed === undefined) say(one, "restarted", { restarts: one.restarts });
  else if (one.restartAt === undefined) say(one, "failed");
  if (failed === undefined) await endJoining(one, options);
}

/** They are in the namespaces of the one before, which nobody else is in any more: those that may be are started again. */
async function endJoining({ container: { name } }: Watched, options: Advancing): Promise<void> {
  for (const joining of options.joining(name)) {
    if (joining.view?.state !== "running" || joining.container.restart.policy === "no") continue;
    joining.action = "restart";
    await act(joining, options);
  }
}

/** What could not be started counts as one that failed at once: it has ended still, and is tried again as its policy says. */
function tryLater(one: Watched): void {
  const ending = { code: NOT_STARTED, asked: false, ranMs: 0 };
  const decision = decideRestart(one.container.restart, ending, one.history);
  if (!decision.restart) return;
  one.restartAt = Date.now() + decision.afterMs;
  one.history = decision.history;
}

/** As whoever starts it by hand would get. */
const NOT_STARTED = 125;

function say({ view, container }: Watched, type: EventType, more: object = {}): void {
  if (view !== undefined) noteEvent(view.project, { type, container: container.name, ...more });
}

/** What `ps` says of it. */
function save({ view, health, restarts, restartAt, container, decided }: Watched): void {
  if (view === undefined) return;
  writeSupervised(view.places, {
    restarts,
    ...(container.healthcheck === undefined ? {} : { health: health.status }),
    ...(view.record?.process === undefined ? {} : { process: view.record.process }),
    ...(restartAt === undefined ? {} : { restartAt }),
    ...(decided && view.state === "exited" && restartAt === undefined ? { final: true } : {}),
  });
}
