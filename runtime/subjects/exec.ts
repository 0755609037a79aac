/** A command for a container that runs → the plan that joins it. What follows the joining is the same as in a run. */
import type { DesiredCommand, DesiredContainer } from "../../spec/model/desired.ts";
import type { Answers, Host, Joinable } from "../plan/host.ts";
import type { Namespace } from "../plan/ops/namespace.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { TerminalSize } from "../plan/report.ts";
import type { Plan } from "../plan/plan.ts";
import { commandSummary, policyText } from "./compile.ts";
import { compileRights } from "./identity.ts";
import { DEFAULT } from "./origin.ts";
import { processOps, signalNumber, usersOf } from "./process.ts";
import { terminalOps, terminalStage, watchedTerminal } from "./terminal.ts";

export interface ExecParts {
  /** What the container is; its commands are left aside. */
  readonly container: DesiredContainer;
  readonly command: DesiredCommand;
  readonly target: Joinable;
  /** It has a terminal of its own. */
  readonly terminal?: ExecTerminal;
}

export interface ExecTerminal {
  /** Absent: as large as the caller's. */
  readonly size?: TerminalSize;
  /** It gets what comes on standard input. */
  readonly input: boolean;
}

/** What only the process that the container sees can do: all else is done before it is seen. */
const VISIBLE: readonly Op["kind"][] = ["session", "execute"];

/** Throws HostError. */
export function compileExec(parts: ExecParts, host: Host, answers: Answers): Plan {
  const { command, target, terminal } = parts;
  // The container's own terminal is its first process's.
  const container = {
    ...parts.container,
    commands: [command],
    init: false,
    tty: terminal !== undefined,
    stdin: terminal?.input ?? parts.container.stdin,
  };
  const process = commandOps({ container, command, target }, host, answers);
  const isVisible = ({ kind }: Op): boolean => VISIBLE.includes(kind);
  const { announce } = answers;
  const stage = { where: "stage", origin: DEFAULT } as const;
  const { timeoutMs } = command;
  const ops: readonly Op[] = [
    { ...stage, kind: "prepare", id: "stage/prepare", announce, passed: 1 },
    ...terminalStage(container, answers, terminal?.size),
    ...joinOps(target, announce),
    ...terminalInside(container, answers),
    ...process.filter((op) => !isVisible(op)).map((op): Op => ({ ...op, where: "container" })),
    { kind: "join.enter", id: "join/enter", where: "container", origin: DEFAULT },
    ...process.filter(isVisible),
    { ...stage, kind: "join.adopt", id: "join/adopt" },
    {
      ...stage,
      kind: "watch",
      id: "stage/watch",
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...watchedTerminal(container),
    },
  ];
  return {
    version: 1,
    container: container.name,
    instance: answers.instance,
    ops,
    losses: [],
    summary: {
      limits: [],
      blame: {},
      policy: policyText(container),
      commands: [commandSummary(command, 0)],
      stop: { signal: signalNumber(container), graceMs: container.stop.graceMs },
    },
  };
}

/** One of the container's devpts, as the user of the command: ids of root have no name in a namespace that does not map them. */
function terminalInside(container: DesiredContainer, answers: Answers): readonly Op[] {
  return terminalOps(container, answers).map(({ below: _, ...op }): Op =>
    op.kind === "terminal.make" ? { ...op, console: false, joins: true } : op
  );
}

function commandOps(
  { container, command, target }: ExecParts,
  host: Host,
  answers: Answers,
): readonly Op[] {
  const [user] = usersOf(container, answers);
  if (user === undefined) throw new Error("a command has no user");
  // Never more than the container's own first process may have.
  const within = {
    ...host,
    bounding: both(host.bounding, target.bounding),
    setgroups: target.setgroups,
  };
  return processOps({
    container,
    host: within,
    rights: compileRights(container, within),
    command,
    index: 0,
    user,
    answers,
    joins: true,
  });
}

/** Into the groups and the namespaces: the stage opens the groups, while it sees the host's. */
function joinOps({ groups, namespaces }: Joinable, announce: boolean): readonly Op[] {
  const stage = { where: "stage", origin: DEFAULT } as const;
  const inside = { where: "container", origin: DEFAULT } as const;
  const unified = groups.find(({ version }) => version === 2);
  const group = unified === undefined ? {} : { group: slotOf(unified) };
  return [
    ...groups.map((one): Op => ({
      ...stage,
      kind: "cgroup.open",
      id: `join/open${one.path}`,
      path: one.path,
      as: one.version === 2 ? "directory" : "tasks",
      fd: slotOf(one),
    })),
    { ...stage, kind: "join.clone", id: "join", ...group, announce },
    ...groups.filter(({ version }) => version === 1).map((one): Op => ({
      ...inside,
      kind: "cgroup.join",
      id: `join/group${one.path}`,
      path: one.path,
      fd: slotOf(one),
    })),
    {
      ...inside,
      kind: "join.namespaces",
      id: "join/namespaces",
      namespaces: namespaces as readonly Namespace[],
    },
  ];
}

const slotOf = ({ path }: { readonly path: string }): string => `group ${path}`;

function both(one: string, other: string): string {
  return (BigInt(`0x${one}`) & BigInt(`0x${other}`)).toString(16);
}
