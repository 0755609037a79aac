/** A container that runs hands its root over once more, when the keeper that held it for its outputs was killed. */
import { O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { awaitChild } from "../../ffi/linux/children.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { kernel } from "../../ffi/linux/libc.ts";
import { openMessagePair } from "../../ffi/linux/pair.ts";
import { waitForFd } from "../../ffi/linux/poll.ts";
import { receiveFds } from "../../ffi/linux/receive.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { encode } from "../../ffi/stage/encode.ts";
import { releaseStage, startStage } from "../apply/stage.ts";
import { holdByKeeper, type Keeper } from "../apply/keeper.ts";
import { observeJoinable } from "../observe/joinable.ts";
import { lowerPlan } from "../plan/lower.ts";
import { ANSWER } from "../plan/report.ts";
import type { ContainerRecord } from "../state/record.ts";
import { rootPlan } from "../subjects/change/root.ts";
import { type ContainerView, desiredOf } from "./containers.ts";
import { openTarget } from "./exec.ts";
import { answer } from "./files.ts";

/** How long the joiner may take: it makes five calls. */
const HANDED_MS = 5000;

/** Has the root of a container that runs held for its outputs. Nothing is when it ends meanwhile. Throws SyscallError, ContainervError. */
export async function handAgain(
  keeper: Keeper,
  view: ContainerView,
  { process, log, name }: ContainerRecord,
): Promise<void> {
  const namespaces = observeJoinable(process?.pid ?? 0, false)?.namespaces;
  if (process === undefined || namespaces === undefined) return;
  const plan = rootPlan(desiredOf(view), {
    instance: view.id,
    namespaces: (["user", "mount"] as const).filter((one) => namespaces.includes(one)),
  });
  const encoded = encode(lowerPlan(plan), kernel().seam.architecture);
  using none = Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));
  using target = openTarget({ name, ...process });
  const [ours, theirs] = openMessagePair();
  using socket = new Fd(ours);
  const stage = startStage(encoded.image, [none.number, none.number, none.number], {
    announce: false,
    passed: [target.number, theirs],
  });
  callSync(close({ fd: theirs }));
  const received = waitForFd({ fd: ours, timeoutMs: HANDED_MS }) === 0 ? [] : receiveFds(socket);
  answer(socket, ANSWER.done);
  await awaitChild(stage.pid);
  releaseStage(stage);
  const [root, lock = root] = received;
  if (root !== undefined && lock !== undefined) {
    holdByKeeper(keeper, log, { root: root.number, lock: lock.number, pid: process.pid });
  }
  for (const fd of received) fd[Symbol.dispose]();
}
