/** `commands:` → the processes of the container. Run and exec alike. */
import { SIGHUP, SIGINT, SIGNALS, SIGQUIT, SIGTERM } from "../../ffi/abi/signal.ts";
import type { DesiredCommand, DesiredContainer } from "../../spec/model/desired.ts";
import type { Answers, Host, ResolvedUser } from "../plan/host.ts";
import type { Op } from "../plan/ops/registry.ts";
import { HostError } from "../plan/host_error.ts";
import { compileRights, heldBy, initCapabilities, resolveUser, type Rights } from "./identity.ts";
import { DEFAULT, originOf } from "./origin.ts";
import { joinedContainers } from "./namespaces.ts";
import { imagesOf } from "./rootfs/images.ts";
import type { Inside } from "./userns.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What every emulator of a terminal understands, as other runtimes say it too. */
const TERM = "xterm";

/** True when the stage stays as PID 1. */
export function hasInit(container: DesiredContainer): boolean {
  return container.init || container.commands.length !== 1;
}

/** The user of each command. */
export function usersOf(
  container: DesiredContainer,
  answers: Answers,
): readonly ResolvedUser[] {
  return container.commands.map((command) =>
    resolveUser(
      command.user ?? container.user,
      answers,
      command.user === undefined ? originOf(container, "user") : `${command.origin}/user`,
    )
  );
}

export function compileProcesses(
  container: DesiredContainer,
  host: Inside,
  answers: Answers,
): readonly Op[] {
  const rights = compileRights(container, host);
  const users = usersOf(container, answers);
  const init = hasInit(container);
  const ops: Op[] = [];
  if (init) ops.push(...initOps(container, host, { rights, answers }));
  container.commands.forEach((command, index) => {
    const user = users[index];
    if (user === undefined) return;
    ops.push(
      ...processOps({ container, host, rights, command, index, user, answers }),
    );
  });
  return ops;
}

/** PID 1 gives up what no command has before it starts the first one (security rule R7). */
function initOps(
  container: DesiredContainer,
  host: Inside,
  { rights, answers }: { readonly rights: Rights; readonly answers: Answers },
): readonly Op[] {
  const origin = originOf(container, "init");
  const keep = initCapabilities(rights);
  const { announce } = answers;
  return [
    ...(executesInit(container, host, answers)
      ? [
        { kind: "init.execute", id: "init/execute", where: "container", origin, announce } as const,
      ]
      : []),
    bound("init", { where: "container", origin, host, keep }),
    {
      kind: "identity",
      id: "init/identity",
      where: "container",
      origin,
      uid: 0,
      gid: 0,
      ...(host.setgroups ?? host.privileged ? { groups: [] } : {}),
      capabilities: keep,
      ambient: false,
    },
    ...(container.commands.length === 0 ? [idleOp(container)] : []),
    ...container.commands.map((command, index): Op => ({
      kind: "command",
      id: `commands/${index}`,
      where: "container",
      origin: command.origin,
      index,
      last: index === container.commands.length - 1,
      announce: announce && index === 0,
      ...(command.timeoutMs === undefined ? {} : { timeoutMs: command.timeoutMs }),
    })),
  ];
}

/** A container without a command waits for those that come into it, until it is told to stop. */
function idleOp(container: DesiredContainer): Op {
  return {
    kind: "idle",
    id: "init/idle",
    where: "container",
    origin: originOf(container, "init"),
    endedBy: idleSignals(container),
  };
}

/**
 * Without root only who has a right over the user namespace that a program was executed in may join, and look at, a process of it that
 * can't be traced: PID 1 of ours is executed inside. What nobody can find later, a run in the foreground, needs it not.
 */
export function executesInit(
  container: DesiredContainer,
  host: Host,
  { announce, detached }: Answers,
): boolean {
  const isFound = announce || detached !== undefined || container.commands.length === 0;
  return hasInit(container) && !host.privileged && isFound;
}

/** How many secrets, image files and processes of joined containers are handed over. */
export function passedFiles(container: DesiredContainer): number {
  return container.secrets.length + imagesOf(container).length +
    joinedContainers(container).length;
}

/** Numbers of the signals that end a container without a command: its stop signal, and what a terminal sends. */
export function idleSignals(container: DesiredContainer): readonly number[] {
  return [...new Set([signalNumber(container), SIGTERM, SIGINT, SIGHUP, SIGQUIT])];
}

export function signalNumber(container: DesiredContainer): number {
  const name = container.stop.signal;
  const number = (SIGNALS as Readonly<Record<string, number>>)[name];
  if (number !== undefined) return number;
  throw new HostError("NO_SUCH_SIGNAL", {
    origin: originOf(container, "stop"),
    message: `there is no signal "${name}"`,
  });
}

type BoundOp = Extract<Op, { kind: "bound" }>;

function bound(
  id: string,
  from: {
    where: BoundOp["where"];
    origin: string;
    host: Host;
    keep: BoundOp["keep"];
    command?: number;
  },
): Op {
  return {
    kind: "bound",
    id: `${id}/bound`,
    where: from.where,
    origin: from.origin,
    keep: from.keep,
    last: from.host.lastCapability,
    noNewPrivileges: true,
    ...(from.command === undefined ? {} : { command: from.command }),
  };
}

export interface ProcessParts {
  readonly container: DesiredContainer;
  readonly host: Inside;
  readonly rights: Rights;
  readonly command: DesiredCommand;
  readonly index: number;
  readonly user: ResolvedUser;
  readonly answers: Answers;
  /** The process comes from outside into a container that runs. */
  readonly joins?: true;
}

/** What makes a process of the container the command: run and exec alike. */
export function processOps(parts: ProcessParts): readonly Op[] {
  const { container, host, rights, command, index, user } = parts;
  const id = `commands/${index}`;
  const common = { where: "process", command: index } as const;
  const rightsOrigin = originOf(container, "policy/capabilities", "policy");
  const userOrigin = command.user === undefined
    ? originOf(container, "user")
    : `${command.origin}/user`;
  return [
    {
      ...common,
      kind: "session",
      id: `${id}/session`,
      origin: container.tty ? originOf(container, "tty") : DEFAULT,
      ...(container.tty ? { terminal: true } : {}),
    },
    bound(id, {
      where: "process",
      origin: rightsOrigin,
      host,
      keep: rights.bounding,
      command: index,
    }),
    workdirOp(parts, { ...common, id: `${id}/workdir` }),
    ...attributeOps(container, { ...common, id }),
    {
      ...common,
      kind: "identity",
      id: `${id}/identity`,
      origin: userOrigin,
      uid: user.uid,
      gid: user.gid,
      ...(host.setgroups ?? host.privileged ? { groups: groupsOf(parts) } : noGroups(container)),
      ...heldBy(user, rights, rightsOrigin),
    },
    ...retetherOps(parts, { ...common, id: `${id}/retether` }),
    executeOp(parts, { ...common, id: `${id}/execute` }),
  ];
}

/** A child of the stage ends with it whoever it becomes; a child of PID 1 does so anyway. */
function retetherOps(
  { container, user, answers, joins }: ProcessParts,
  common: ProcessCommon,
): readonly Op[] {
  const isAgain = joins === true ? isOther(user) : isTetheredAgain(container, answers);
  return isAgain ? [{ ...common, kind: "retether", origin: DEFAULT }] : [];
}

const isOther = ({ uid, gid }: ResolvedUser): boolean => uid !== 0 || gid !== 0;

/** The kernel frees a process from its tether when it becomes another user than root. */
export function isTetheredAgain(container: DesiredContainer, answers: Answers): boolean {
  const [user] = usersOf(container, answers);
  return !hasInit(container) && answers.detached === undefined && user !== undefined &&
    isOther(user);
}

/** Limits and priorities, set while the process has all rights of the runner; what is not asked for stays as it is. */
export function attributeOps(
  { process, limits, origins }: Pick<DesiredContainer, "process" | "limits" | "origins">,
  common: ProcessCommon,
): readonly Op[] {
  const { ioPriority, scheduler, cpuAffinity, personality } = process;
  const of = (key: string): { id: string; origin: string } => ({
    id: `${common.id}/${key}`,
    origin: origins[`process/${key}`] ?? DEFAULT,
  });
  return [
    ...(limits.rlimits ?? []).map(({ resource, soft, hard, origin }): Op => ({
      ...common,
      kind: "rlimit",
      id: `${common.id}/${resource}`,
      origin,
      resource,
      soft,
      hard,
    })),
    ...(ioPriority === undefined
      ? []
      : [{ ...common, ...of("ioPriority"), kind: "ioprio", ...ioPriority } as const]),
    ...(scheduler === undefined
      ? []
      : [{ ...common, ...of("scheduler"), kind: "scheduler", ...scheduler } as const]),
    ...(cpuAffinity === undefined
      ? []
      : [{ ...common, ...of("cpuAffinity"), kind: "affinity", cpus: cpuAffinity } as const]),
    ...(personality === undefined
      ? []
      : [{ ...common, ...of("personality"), kind: "personality", persona: personality } as const]),
  ];
}

/** Where setgroups(2) is denied, the runner's groups stay; none can be added. */
function noGroups(container: DesiredContainer): Record<string, never> {
  if (container.process.groups.length === 0) return {};
  throw new HostError("NO_SETGROUPS", {
    origin: originOf(container, "process/groups"),
    message: "cannot give the commands groups: this user may not set them",
    fix: "take process.groups out, run as root, or get ids in /etc/subgid",
  });
}

/** The user's own groups and those that were asked for. */
function groupsOf({ container, user, answers }: ProcessParts): readonly number[] {
  const asked = container.process.groups.map((group) =>
    resolveUser({ user: 0, group }, answers, originOf(container, "process/groups")).gid
  );
  return [...new Set([...user.groups, ...asked])];
}

/** Kernel parameters of the container's own namespaces. Throws HostError for one whose namespace is the host's. */
export function sysctlOps({ sysctls, network }: DesiredContainer): readonly Op[] {
  return sysctls.map(({ path, value, namespace, origin }): Op => {
    if (namespace === "network" && network.mode === "host") {
      throw new HostError("SYSCTL_OF_HOST", {
        origin,
        message: `cannot set ${
          path.replaceAll("/", ".")
        }: with \`network: host\` it is the machine's`,
        fix: "take it out, or give the container a network of its own",
      });
    }
    return { where: "container", kind: "sysctl", id: `sysctls/${path}`, origin, path, value };
  });
}

interface ProcessCommon {
  readonly where: "process";
  readonly command: number;
  readonly id: string;
}

function workdirOp(
  { container, command, answers, joins }: ProcessParts,
  common: ProcessCommon,
): Op {
  const own = command.workdir !== undefined;
  return {
    ...common,
    kind: "workdir",
    origin: own ? `${command.origin}/workdir` : originOf(container, "workdir"),
    path: command.workdir ?? container.workdir,
    announce: answers.announce,
    ...(joins === undefined ? {} : { joins }),
    ...(joins === undefined && isTetheredAgain(container, answers) ? { tethered: true } : {}),
  };
}

function executeOp({ container, command, user }: ProcessParts, common: ProcessCommon): Op {
  const environment: Record<string, string> = {
    PATH,
    HOME: user.home,
    ...(container.tty ? { TERM } : {}),
    ...container.environment,
    ...command.environment,
  };
  const program = command.exec[0];
  if (program === undefined) {
    throw new HostError("EMPTY_COMMAND", {
      origin: command.origin,
      message: "the command is empty",
    });
  }
  return {
    ...common,
    kind: "execute",
    origin: command.origin,
    argv: command.exec,
    environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    candidates: candidates(program, environment["PATH"] ?? PATH),
    umask: container.process.umask,
  };
}

/** As execvp(3): a name with a slash is a path, else every entry of PATH is tried. */
function candidates(program: string, path: string): readonly string[] {
  if (program.includes("/")) return [program];
  return path.split(":").map((directory) => directory === "" ? program : `${directory}/${program}`);
}
