/**
 * The keeper as a program of the stage's language: started once per project, it leaves its starter, waits for connections,
 * output and endings, and ends with its last container. Nothing of it is an object of JavaScript: its memory is a few pages.
 */
import { CLOSE_RANGE_CLOEXEC, F_DUPFD_CLOEXEC, O_CLOEXEC } from "../../../ffi/abi/fcntl.ts";
import { EPOLL_CLOEXEC } from "../../../ffi/abi/epoll.ts";
import { PR_SET_CHILD_SUBREAPER } from "../../../ffi/abi/prctl.ts";
import { RLIMIT_NOFILE } from "../../../ffi/abi/resource.ts";
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_SETMASK, SIGCHLD } from "../../../ffi/abi/signal.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { epollCreate1, epollEvent, epollPwait } from "../../../ffi/calls/epoll.ts";
import { closeRange, dup3, fcntl } from "../../../ffi/calls/open.ts";
import { chdir, umask } from "../../../ffi/calls/path.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { clone3, exitGroup, getpid, setsid } from "../../../ffi/calls/process.ts";
import { prlimit64 } from "../../../ffi/calls/resource.ts";
import { rtSigprocmask, signalfd4 } from "../../../ffi/calls/signal.ts";
import type { Instruction, Program } from "../../../ffi/stage/language.ts";
import { type Emitter, result } from "../emitter.ts";
import { emitter } from "../lower.ts";
import { acceptClient, answerClient } from "./clients.ts";
import { prepareHeld } from "./held.ts";
import { keepOutput } from "./logs.ts";
import { AT, greet, type KeeperOptions, OLD_LIMIT, reply, SLOT, watchFd } from "./core.ts";
import { lookForRoom, prepareRoom } from "./room.ts";
import { noteEndings } from "./endings.ts";
import { addTo, goTo, loadField, place, whenEqual } from "../flow.ts";
import { BOX_POOL, ENTRY, ENTRY_POOL, KIND, preparePool } from "./memory.ts";
import { ANSWER, FIRST_CLIENT_FD, FIRST_OWN_FD, LISTEN_FD } from "./protocol.ts";

const NEW_LIMIT: Cell = { cell: "limit", size: 16 };
const ALL_SIGNALS = 0xffffffffffffffffn;

/** The program of a keeper. */
export function keeperProgram(options: KeeperOptions): Program {
  const out: Instruction[] = [];
  const to = emitter(out, 0, AT.fail);
  becomeKeeper(to, options);
  serve(to, options);
  acceptClient(to, options);
  answerClient(to, options);
  keepOutput(to, options);
  lookForRoom(to, options);
  noteEndings(to, options);
  place(to, AT.fail);
  reply(to, result("client"), { kind: ANSWER.failed, value: result("error.errno") });
  to.call(exitGroup({ status: 1 }), { onError: "continue" });
  return { instructions: out };
}

function becomeKeeper(to: Emitter, options: KeeperOptions): void {
  const { architecture } = options;
  const child = to.label("child");
  to.add({ kind: "add", into: "client", left: FIRST_CLIENT_FD, right: 0 });
  to.call(closeRange({ first: FIRST_OWN_FD, last: 0xffffffff }));
  // Containers must not inherit what the keeper was given.
  to.call(closeRange({ first: LISTEN_FD, last: FIRST_OWN_FD - 1, flags: CLOSE_RANGE_CLOEXEC }));
  to.call(rtSigprocmask({ how: SIG_SETMASK, set: ALL_SIGNALS }));
  // Twice cloned: whoever started it need not wait for it.
  to.call(clone3({ flags: 0n, exitSignal: SIGCHLD }), { into: "child" });
  whenEqual(to, [result("child"), 0], child);
  to.call(exitGroup({ status: 0 }));
  place(to, child);
  to.call(setsid());
  to.call(prctl({ option: PR_SET_CHILD_SUBREAPER, arg2: 1 }));
  to.call(chdir({ path: "/" }));
  to.call(umask({ mask: 0o077 }));
  raiseFiles(to);
  to.call(epollCreate1({ flags: EPOLL_CLOEXEC }), { into: SLOT.epoll });
  const mask = 1n << BigInt(SIGCHLD - 1);
  to.call(signalfd4({ mask, flags: SFD_CLOEXEC | SFD_NONBLOCK }), { into: SLOT.signals });
  preparePool(to, ENTRY_POOL);
  preparePool(to, BOX_POOL);
  prepareHeld(to);
  to.add({ kind: "add", into: SLOT.uses, left: 0, right: 0 });
  watchFd(to, { fd: LISTEN_FD, kind: KIND.listen, architecture, full: AT.fail });
  watchFd(to, { fd: result(SLOT.signals), kind: KIND.signals, architecture, full: AT.fail });
  prepareRoom(to, options);
  moveClient(to);
  watchFd(to, { fd: result("client"), kind: KIND.client, architecture, full: AT.fail });
  // The listening socket, the signals and the timer do not count.
  addTo(to, SLOT.uses, -3);
  to.call(getpid(), { into: SLOT.self });
  greet(to);
}

/**
 * Numbers that a stage's descriptors have stay taken as long as the keeper lives: what it is sent must not get one of them, or
 * one dup3 would overwrite what the next one needs.
 */
function moveClient(to: Emitter): void {
  to.call(fcntl({ fd: FIRST_CLIENT_FD, cmd: F_DUPFD_CLOEXEC, arg: FIRST_OWN_FD }), {
    into: "client",
  });
  to.call(dup3({ oldfd: 0, newfd: FIRST_CLIENT_FD, flags: O_CLOEXEC }));
}

/** As many descriptors as are permitted; what it starts gets the limit back that there was. */
function raiseFiles(to: Emitter): void {
  to.call(prlimit64({ resource: RLIMIT_NOFILE, oldLimit: OLD_LIMIT }));
  to.add(
    { kind: "load", into: "hard", address: { ...OLD_LIMIT, offset: 8 }, width: 8 },
    { kind: "store", value: result("hard"), address: NEW_LIMIT, width: 8 },
    { kind: "store", value: result("hard"), address: { ...NEW_LIMIT, offset: 8 }, width: 8 },
  );
  to.call(prlimit64({ resource: RLIMIT_NOFILE, limit: NEW_LIMIT }), { onError: "continue" });
}

/** One event at a time: the kernel puts what is still ready at the end of its list, so none is served before all others. */
function serve(to: Emitter, { architecture }: KeeperOptions): void {
  const { size, fields } = epollEvent(architecture);
  const event: Cell = { cell: "event", size };
  place(to, AT.loop);
  to.call(epollPwait({ epfd: result(SLOT.epoll), events: event, maxevents: 1 }), {
    onError: AT.loop,
  });
  const address = { ...event, offset: fields.data.offset };
  to.add({ kind: "load", into: SLOT.entry, address, width: 8 });
  loadField(to, "kind", { of: SLOT.entry, offset: ENTRY.kind, width: 4 });
  for (const [name, kind] of Object.entries(KIND)) {
    // In no list of the kernel's: it makes no event.
    if (name === "held") continue;
    whenEqual(to, [result("kind"), kind], name === "signals" ? AT.reap : `keeper.${name}`);
  }
  goTo(to, AT.loop);
}
