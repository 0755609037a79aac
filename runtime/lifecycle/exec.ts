/** A command in a container that runs: found by its first process, joined through a descriptor of it. */
import { encode } from "../../ffi/stage/encode.ts";
import { fcntl } from "../../ffi/calls/open.ts";
import { pidfdOpen } from "../../ffi/calls/pidfd.ts";
import { F_DUPFD_CLOEXEC } from "../../ffi/abi/fcntl.ts";
import { ESRCH } from "../../ffi/abi/errno.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { check } from "../../ffi/linux/run.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import type { DesiredCommand, DesiredContainer } from "../../spec/model/desired.ts";
import type { Stdio } from "../apply/stage.ts";
import { observeHost } from "../observe/host.ts";
import { isFrozen } from "../observe/frozen.ts";
import { observeJoinable } from "../observe/joinable.ts";
import { lookUpUser } from "../observe/users.ts";
import { ContainervError } from "../plan/error.ts";
import type { Answers, ResolvedUser } from "../plan/host.ts";
import { lowerPlan } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";
import { compileExec } from "../subjects/exec.ts";
import { identify, type ProcessIdentity } from "../state/identity.ts";
import { userKey } from "../subjects/identity.ts";
import type { Prepared } from "./prepare.ts";
import { start, type Started, type StartOptions } from "./start.ts";

/** A container that runs, by its first process: a pid alone may be another's by now. */
export interface ExecTarget extends ProcessIdentity {
  /** Its name, for messages. */
  readonly name: string;
  readonly container: DesiredContainer;
}

/** What is thrown when the container has ended. */
export function notRunning(name: string): ContainervError {
  return new ContainervError({
    code: "NOT_RUNNING",
    message: `the container ${name} does not run`,
    fix: "start it first",
    undone: "nothing was done",
  });
}

/** What is thrown when its processes are stopped: one more would be stopped with them. */
export function isPaused(name: string): ContainervError {
  return new ContainervError({
    code: "PAUSED",
    message: `the container ${name} is paused`,
    fix: `containerv resume ${name}`,
    undone: "nothing was done",
  });
}

/** A pidfd of the container's first process. Throws ContainervError when that is not there any more. */
export function openTarget({ name, pid, startTicks }: Omit<ExecTarget, "container">): Fd {
  let fd: Fd;
  try {
    fd = Fd.open(pidfdOpen({ pid }));
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ESRCH) throw notRunning(name);
    throw error;
  }
  // The descriptor holds the process, so what /proc says of the pid while it lives is said of this one.
  if (identify(pid)?.startTicks === startTicks && isAlive(fd)) return fd;
  fd[Symbol.dispose]();
  throw notRunning(name);
}

/** True until the process of a pidfd has ended. */
export const isAlive = (pidfd: Fd): boolean => waitForFd({ fd: pidfd.number, timeoutMs: 0 }) === 0;

/** The plan that runs `command` in the container. Throws HostError and ContainervError. Changes nothing. */
export function planExec(
  target: ExecTarget,
  command: DesiredCommand,
  options: { readonly announce: boolean },
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
  const plan = compileExec({ container, command, target: joinable }, host, answers);
  return { plan, architecture: host.architecture };
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
  options: StartOptions & { readonly stdio: Stdio },
): Started {
  using pidfd = openTarget(target);
  const { stdio, ...rest } = options;
  const { plan, architecture } = planExec(target, command, options);
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
  const startable = {
    image: encoded.image,
    open: () => [check(fcntl({ fd: pidfd.number, cmd: F_DUPFD_CLOEXEC, arg: 3 }))],
    summary: plan.summary,
    explain: () => Promise.resolve(prepared),
    rename: () => Promise.reject(new Error("a joined container has its name")),
  };
  return start(startable, stdio, rest);
}
