/** A command in a container that runs: found by its first process, joined through a descriptor of it. */
import { encode } from "../../ffi/stage/encode.ts";
import type { Fd } from "../../ffi/linux/fd.ts";
import type { DesiredCommand } from "../../spec/model/desired.ts";
import type { Stdio } from "../apply/stage.ts";
import { observeHost } from "../observe/host.ts";
import { isFrozen } from "../observe/frozen.ts";
import { observeJoinable } from "../observe/joinable.ts";
import { lookUpUser } from "../observe/users.ts";
import { ContainervError } from "../plan/error.ts";
import type { Answers, ResolvedUser } from "../plan/host.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";
import { compileExec, type ExecTerminal } from "../subjects/exec.ts";
import { identify } from "../state/identity.ts";
import { userKey } from "../subjects/identity.ts";
import type { Prepared } from "./prepare.ts";
import { start, type Startable, type Started, type StartOptions } from "./start.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { type ExecTarget, isAlive, notRunning, openTarget, passedTarget } from "./target.ts";

export { type ExecTarget, isAlive, notRunning, openTarget } from "./target.ts";

/** What is thrown when its processes are stopped: one more would be stopped with them. */
export function isPaused(name: string): ContainervError {
  return new ContainervError({
    code: "PAUSED",
    message: `the container ${name} is paused`,
    fix: `containerv resume ${name}`,
    undone: "nothing was done",
  });
}

/** How a command comes into a container. */
export interface ExecOptions {
  readonly announce: boolean;
  /** It has a terminal of its own. */
  readonly terminal?: ExecTerminal;
}

/** The plan that runs `command` in the container. Throws HostError and ContainervError. Changes nothing. */
export function planExec(
  target: ExecTarget,
  command: DesiredCommand,
  options: ExecOptions,
): { readonly plan: Plan; readonly architecture: "x86_64" | "aarch64" } {
  const host = observeHost({ cgroups: false, roots: [] });
  const joinable = observeJoinable(target.pid, host.privileged);
  if (joinable === undefined) throw unreadable(target);
  if (isFrozen(joinable.groups)) throw isPaused(target.name);
  const { container } = target;
  const users = namedUser(target, command);
  const answers: Answers = {
    instance: target.name,
    dataDirectory: "/",
    announce: options.announce,
    ...(users === undefined ? {} : { users }),
  };
  const { terminal } = options;
  const parts = { container, command, target: joinable };
  const plan = compileExec(
    terminal === undefined ? parts : { ...parts, terminal },
    host,
    answers,
  );
  return { plan, architecture: host.architecture };
}

/** A process that ends gives its namespaces away before anybody sees its end: that is not for want of rights. */
const ENDING_MS = 200;

function plannedFor(
  target: ExecTarget,
  command: DesiredCommand,
  options: ExecOptions & { readonly pidfd: Fd },
): ReturnType<typeof planExec> {
  try {
    return planExec(target, command, options);
  } catch (error) {
    const refused = error instanceof ContainervError && error.code === "NOT_PERMITTED";
    const timeoutMs = refused ? ENDING_MS : 0;
    const ended = waitForFd({ fd: options.pidfd.number, timeoutMs }) !== 0;
    throw ended ? notRunning(target.name) : error;
  }
}

function unreadable({ name, pid }: ExecTarget): ContainervError {
  if (identify(pid) === undefined) return notRunning(name);
  return new ContainervError({
    code: "NOT_PERMITTED",
    message: `cannot join the container ${name}: /proc/${pid}/ns can't be read`,
    fix: "do it as the user who started the container, or as root",
    undone: "nothing was done",
  });
}

/** Who a named user is, by the passwd that the container has now. */
function namedUser(
  { container, pid }: ExecTarget,
  command: DesiredCommand,
): Readonly<Record<string, ResolvedUser>> | undefined {
  const user = command.user ?? container.user;
  if (typeof user.user !== "string" && typeof user.group !== "string") return undefined;
  const known = lookUpUser(user, [`/proc/${pid}/root`]);
  return known === undefined ? {} : { [userKey(user)]: known };
}

/** Runs `command` in the container. Throws HostError, ContainervError, SyscallError when it could not be started. */
export function startExec(
  target: ExecTarget,
  command: DesiredCommand,
  options: StartOptions & ExecOptions & { readonly stdio: Stdio },
): Started {
  const { stdio, terminal: _, ...rest } = options;
  const pidfd = openTarget(target);
  const close = (): void => pidfd[Symbol.dispose]();
  try {
    const started = start(plannedExec(target, command, { ...options, pidfd }), stdio, rest);
    // Until its end: it may have to be started once more.
    started.ended.then(close, close);
    return started;
  } catch (error) {
    close();
    throw error;
  }
}

/** What `startExec` starts: good as long as `pidfd`, of the container's first process, is open. Throws as that. */
export function plannedExec(
  target: ExecTarget,
  command: DesiredCommand,
  options: ExecOptions & { readonly pidfd: Fd },
): Startable {
  const { pidfd } = options;
  const { plan, architecture } = plannedFor(target, command, options);
  // All that was read about the pid was about this process.
  if (!isAlive(pidfd)) throw notRunning(target.name);
  const encoded = encode(lowerPlan(plan), architecture);
  const prepared: Prepared = {
    plan,
    image: encoded.image,
    records: encoded.records,
    memorable: false,
    files: [],
  };
  const startable: Startable = {
    image: encoded.image,
    open: () => [passedTarget(pidfd)],
    summary: plan.summary,
    explain: () => Promise.resolve(prepared),
    // It makes nothing that has a name: what others disturbed is tried again as it is.
    rename: () => Promise.resolve(startable),
  };
  return startable;
}
