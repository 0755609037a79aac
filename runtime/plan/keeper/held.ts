/**
 * The part of the keeper that holds files of containers that have ended: a descriptor of a container's root keeps its mounts, and what
 * they hold in memory, until somebody has copied the outputs out of it. The container's processes are gone by then, and so is whoever
 * started it.
 */
import { ENOENT, ENOMEM } from "../../../ffi/abi/errno.ts";
import { RLIMIT_NOFILE } from "../../../ffi/abi/resource.ts";
import { SIG_SETMASK, SIGCHLD } from "../../../ffi/abi/signal.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../../ffi/abi/socket.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { sendmsg } from "../../../ffi/calls/message.ts";
import { close } from "../../../ffi/calls/open.ts";
import { clone3, execve, exitGroup } from "../../../ffi/calls/process.ts";
import { prlimit64 } from "../../../ffi/calls/resource.ts";
import { rtSigprocmask } from "../../../ffi/calls/signal.ts";
import { type Emitter, result } from "../emitter.ts";
import { AT, type KeeperOptions, OLD_LIMIT, reply, SLOT } from "./core.ts";
import { addTo, goTo, loadField, place, storeField, whenEqual } from "../flow.ts";
import { ENTRY, ENTRY_POOL, giveBack, KIND, takePiece } from "./memory.ts";
import { ANSWER, ANSWER_BYTES, HELD_FDS } from "./protocol.ts";

const GIVEN: Cell = { cell: "given", size: ANSWER_BYTES };
/** The first of the list, which goes on by each entry's `next`: 0 is its end. Nobody waits for these descriptors. */
const LIST = "held list";

/** Where a held entry has the second descriptor, and the log's name. */
const SECOND = ENTRY.stream;
const NAME = ENTRY.box;

/** Before anything is held. */
export function prepareHeld(to: Emitter): void {
  to.add({ kind: "add", into: LIST, left: 0, right: 0 });
}

/**
 * The descriptors in the slots of HELD_FDS are kept under the name in the slot `name`, in place of what was kept under it; the process
 * in the slot `holder` is the container's first.
 */
export function holdFiles(to: Emitter): void {
  const full = to.label("full");
  const first = to.label("first");
  const [root, lock] = HELD_FDS;
  find(to, BY_NAME, first);
  closeHeld(to);
  goTo(to, "keeper.holds");
  place(to, first);
  takePiece(to, ENTRY_POOL, { into: "found", full });
  storeField(to, KIND.held, { of: "found", offset: ENTRY.kind, width: 4 });
  storeField(to, result("name"), { of: "found", offset: NAME, width: 8 });
  storeField(to, result(LIST), { of: "found", offset: ENTRY.next, width: 8 });
  to.add({ kind: "add", into: LIST, left: result("found"), right: 0 });
  addTo(to, SLOT.uses, 1);
  place(to, "keeper.holds");
  storeField(to, result(root), { of: "found", offset: ENTRY.fd, width: 4 });
  storeField(to, result(lock), { of: "found", offset: SECOND, width: 4 });
  storeField(to, result("holder"), { of: "found", offset: ENTRY.pid, width: 4 });
  reply(to, result("client"), { kind: ANSWER.hold, value: 0 });
  goTo(to, AT.loop);
  place(to, full);
  for (const name of HELD_FDS) to.call(close({ fd: result(name) }), { onError: "continue" });
  reply(to, result("client"), { kind: ANSWER.hold, value: -ENOMEM });
  goTo(to, AT.loop);
}

/** Copies of them are sent to who asks; they stay. */
export function giveFiles(to: Emitter): void {
  const none = to.label("none");
  find(to, BY_NAME, none);
  loadField(to, "first", { of: "found", offset: ENTRY.fd, width: 4 });
  loadField(to, "second", { of: "found", offset: SECOND, width: 4 });
  to.add(
    { kind: "store", value: ANSWER.give, address: GIVEN, width: 4 },
    { kind: "store", value: 0, address: { ...GIVEN, offset: 4 }, width: 4 },
  );
  const fds = [result("first"), result("second")];
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  to.call(sendmsg({ sockfd: result("client"), buf: GIVEN, fds, flags }), { onError: "continue" });
  goTo(to, AT.loop);
  place(to, none);
  reply(to, result("client"), { kind: ANSWER.give, value: -ENOENT });
  goTo(to, AT.loop);
}

/** They are closed: what only they kept is gone. */
export function releaseFiles(to: Emitter): void {
  const none = to.label("none");
  const first = to.label("first");
  const out = to.label("out");
  find(to, BY_NAME, none);
  closeHeld(to);
  loadField(to, "after", { of: "found", offset: ENTRY.next, width: 8 });
  whenEqual(to, [result("before"), 0], first);
  storeField(to, result("after"), { of: "before", offset: ENTRY.next, width: 8 });
  goTo(to, out);
  place(to, first);
  to.add({ kind: "add", into: LIST, left: result("after"), right: 0 });
  place(to, out);
  giveBack(to, ENTRY_POOL, "found");
  addTo(to, SLOT.uses, -1);
  place(to, none);
  reply(to, result("client"), { kind: ANSWER.release, value: 0 });
  goTo(to, AT.loop);
}

/**
 * The process in the slot `ended` has ended, and that is written down. If files of it are held, a program is started that copies them:
 * once, whatever becomes of that. Commands that meet the container do the same.
 */
export function startCollector(
  to: Emitter,
  { collector }: Pick<KeeperOptions, "collector">,
): void {
  if (collector === undefined) return;
  const done = to.label("collected");
  const child = to.label("collector");
  find(to, BY_PROCESS, done);
  storeField(to, 0, { of: "found", offset: ENTRY.pid, width: 4 });
  to.call(clone3({ flags: 0n, exitSignal: SIGCHLD }), { into: "collector", onError: done });
  whenEqual(to, [result("collector"), 0], child);
  goTo(to, done);
  place(to, child);
  to.call(rtSigprocmask({ how: SIG_SETMASK, set: 0n }), { onError: "continue" });
  to.call(prlimit64({ resource: RLIMIT_NOFILE, limit: OLD_LIMIT }), { onError: "continue" });
  to.call(execve(collector), { onError: "continue" });
  to.call(exitGroup({ status: 127 }), { onError: "continue" });
  place(to, done);
}

interface Wanted {
  readonly offset: number;
  readonly width: 4 | 8;
  /** The slot that has what the field is to be. */
  readonly slot: string;
}

const BY_NAME: Wanted = { offset: NAME, width: 8, slot: "name" };
const BY_PROCESS: Wanted = { offset: ENTRY.pid, width: 4, slot: "ended" };

/** The slot `found` gets the entry that is wanted, `before` the one before it or 0. */
function find(to: Emitter, { offset, width, slot }: Wanted, otherwise: string): void {
  const again = to.label("again");
  const found = to.label("found");
  to.add(
    { kind: "add", into: "before", left: 0, right: 0 },
    { kind: "add", into: "found", left: result(LIST), right: 0 },
    { kind: "label", name: again },
  );
  whenEqual(to, [result("found"), 0], otherwise);
  loadField(to, "value", { of: "found", offset, width });
  whenEqual(to, [result("value"), result(slot)], found);
  to.add({ kind: "add", into: "before", left: result("found"), right: 0 });
  loadField(to, "found", { of: "found", offset: ENTRY.next, width: 8 });
  goTo(to, again);
  place(to, found);
}

function closeHeld(to: Emitter): void {
  for (const offset of [ENTRY.fd, SECOND]) {
    loadField(to, "value", { of: "found", offset, width: 4 });
    to.call(close({ fd: result("value") }), { onError: "continue" });
  }
}
