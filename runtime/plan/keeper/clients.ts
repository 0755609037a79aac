/** The part of the keeper that is spoken to: connections, and the starting and adopting of containers. */
import { EMFILE, ENOMEM } from "../../../ffi/abi/errno.ts";
import { AT_EMPTY_PATH } from "../../../ffi/abi/fcntl.ts";
import { RLIMIT_NOFILE } from "../../../ffi/abi/resource.ts";
import { SIGCHLD } from "../../../ffi/abi/signal.ts";
import {
  CMSGHDR,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  SO_PEERCRED,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  UCRED,
} from "../../../ffi/abi/socket.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { close, dup3 } from "../../../ffi/calls/open.ts";
import { clone3, execveat, exitGroup } from "../../../ffi/calls/process.ts";
import { prlimit64 } from "../../../ffi/calls/resource.ts";
import {
  accept4,
  getsockopt,
  messageHeader,
  recvmsgInto,
  rightsSpace,
} from "../../../ffi/calls/socket.ts";
import { type Emitter, result } from "../emitter.ts";
import { ANNOUNCE_FD, CONTROL_FD, FIRST_PASSED_FD, PLAN_FD, REPORT_FD } from "../report.ts";
import { giveFiles, holdFiles, releaseFiles } from "./held.ts";
import { goTo, loadField, place, storeField, whenEqual } from "../flow.ts";
import { BOX, BOX_POOL, ENTRY, giveBack, KIND, takePiece } from "./memory.ts";
import {
  AT,
  dropEntry,
  greet,
  type KeeperOptions,
  OLD_LIMIT,
  reply,
  SLOT,
  unwatch,
  watchFd,
} from "./core.ts";
import {
  ADOPT_FDS,
  ANSWER,
  HELD_FDS,
  LISTEN_FD,
  MESSAGE,
  MESSAGE_BYTES,
  MESSAGE_FILES,
  MESSAGE_LIMIT,
  MESSAGE_LOG,
  MESSAGE_LOST,
  MESSAGE_PASSED,
  MESSAGE_PID,
  MESSAGE_SIZE,
  MESSAGE_WAIT,
  PASSED_MAX,
  START_FDS,
  STREAM,
} from "./protocol.ts";

/** Takes a connection, if it is of our user or of root. */
export function acceptClient(to: Emitter, { architecture, uid }: KeeperOptions): void {
  const refuse = to.label("refuse");
  const known = to.label("known");
  const peer: Cell = { cell: "peer", size: UCRED.size };
  const length: Cell = { cell: "peer length", size: 4 };
  place(to, "keeper.listen");
  to.call(accept4({ sockfd: LISTEN_FD, flags: SOCK_CLOEXEC | SOCK_NONBLOCK }), {
    into: "client",
    onError: AT.loop,
  });
  to.add({ kind: "store", value: UCRED.size, address: length, width: 4 });
  to.call(
    getsockopt({ sockfd: result("client"), optname: SO_PEERCRED, optval: peer, optlen: length }),
    { onError: refuse },
  );
  const address = { ...peer, offset: UCRED.fields.uid.offset };
  to.add({ kind: "load", into: "uid", address, width: 4 });
  whenEqual(to, [result("uid"), uid], known);
  whenEqual(to, [result("uid"), 0], known);
  place(to, refuse);
  to.call(close({ fd: result("client") }), { onError: "continue" });
  goTo(to, AT.loop);
  place(to, known);
  watchFd(to, { fd: result("client"), kind: KIND.client, architecture, full: refuse });
  greet(to);
  goTo(to, AT.loop);
}

const FDS_MAX = START_FDS.length + PASSED_MAX;
const BUFFER: Cell = { cell: "message", size: MESSAGE_BYTES };
const CONTROL: Cell = { cell: "message control", size: rightsSpace(FDS_MAX) };
const HEADER: Cell = { cell: "message header", size: 56 };
const VECTOR: Cell = { cell: "message vector", size: 16 };

const said = (offset: number): Cell => ({ ...BUFFER, offset });

/** Takes one message and does what it says. */
export function answerClient(to: Emitter, options: KeeperOptions): void {
  const gone = to.label("gone");
  const start = to.label("start");
  const adopt = to.label("adopt");
  const [hold, give, release] = ["hold", "give", "release"].map((name) => to.label(name)) as [
    string,
    string,
    string,
  ];
  place(to, "keeper.client");
  loadField(to, "client", { of: SLOT.entry, offset: ENTRY.fd, width: 4 });
  for (
    const { address, value } of messageHeader({
      header: HEADER,
      vector: VECTOR,
      buf: BUFFER,
      control: CONTROL,
    })
  ) to.add({ kind: "store", value, address, width: 8 });
  to.add({ kind: "store", value: 0, address: CONTROL, width: 8 });
  const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
  to.call(recvmsgInto({ sockfd: result("client"), header: HEADER, flags }), {
    into: "count",
    onError: gone,
  });
  to.add(
    { kind: "branch", when: "less", left: result("count"), right: MESSAGE_BYTES, to: gone },
    { kind: "load", into: "kind", address: BUFFER, width: 4 },
    // How many descriptors came is seen by the length of the control message.
    { kind: "load", into: "rights", address: CONTROL, width: 8 },
    { kind: "load", into: "name", address: said(MESSAGE_LOG), width: 8 },
  );
  whenEqual(to, [result("kind"), MESSAGE.start], start);
  whenEqual(to, [result("kind"), MESSAGE.adopt], adopt);
  whenEqual(to, [result("kind"), MESSAGE.hold], hold);
  whenEqual(to, [result("kind"), MESSAGE.give], give);
  whenEqual(to, [result("kind"), MESSAGE.release], release);
  place(to, gone);
  dropEntry(to, options);
  goTo(to, AT.reap);
  const short = to.label("short");
  place(to, short);
  closeReceived(to);
  reply(to, result("client"), { kind: ANSWER.failed, value: EMFILE });
  goTo(to, gone);
  place(to, start);
  startContainer(to, options, short);
  place(to, adopt);
  adoptContainer(to, options, short);
  place(to, hold);
  to.add({ kind: "load", into: "holder", address: said(MESSAGE_PID), width: 4 });
  takeFds(to, HELD_FDS, short);
  holdFiles(to);
  place(to, give);
  giveFiles(to);
  place(to, release);
  releaseFiles(to);
}

/** At the limit of open files only the first of a message's descriptors arrive: they are nobody's. */
function closeReceived(to: Emitter): void {
  const again = to.label("received");
  const one = to.label("one");
  const none = to.label("none");
  whenEqual(to, [result("rights"), 0], none);
  to.add(
    { kind: "add", into: "place", left: { ...CONTROL, offset: CMSGHDR.size }, right: 0 },
    { kind: "add", into: "end", left: CONTROL, right: result("rights") },
    { kind: "label", name: again },
    { kind: "branch", when: "less", left: result("place"), right: result("end"), to: one },
    { kind: "jump", to: none },
    { kind: "label", name: one },
    { kind: "load", into: "handed", address: result("place"), width: 4 },
  );
  to.call(close({ fd: result("handed") }), { onError: "continue" });
  to.add(
    { kind: "add", into: "place", left: result("place"), right: 4 },
    { kind: "jump", to: again },
    { kind: "label", name: none },
  );
}

/** The descriptors of a message, each in a slot of its name; one that has not all of them ends the connection. */
function takeFds(to: Emitter, names: readonly string[], otherwise: string): void {
  const complete = to.label("complete");
  const bytes = CMSGHDR.size + 4 * names.length;
  to.add(
    { kind: "load", into: "passed", address: said(MESSAGE_PASSED), width: 4 },
    { kind: "branch", when: "less", left: PASSED_MAX, right: result("passed"), to: otherwise },
    { kind: "add", into: "expected", left: result("passed"), right: result("passed") },
    { kind: "add", into: "expected", left: result("expected"), right: result("expected") },
    { kind: "add", into: "expected", left: result("expected"), right: bytes },
  );
  whenEqual(to, [result("rights"), result("expected")], complete);
  goTo(to, otherwise);
  place(to, complete);
  names.forEach((name, index) => {
    const address = { ...CONTROL, offset: CMSGHDR.size + 4 * index };
    to.add({ kind: "load", into: name, address, width: 4 });
  });
}

/** For each descriptor that is handed on: the slot `handed` has it, the slot `number` counts from FIRST_PASSED_FD. */
function eachPassed(to: Emitter, act: () => void): void {
  const again = to.label("again");
  const done = to.label("done");
  const first = { ...CONTROL, offset: CMSGHDR.size + 4 * START_FDS.length };
  to.add(
    { kind: "add", into: "place", left: first, right: 0 },
    { kind: "add", into: "number", left: FIRST_PASSED_FD, right: 0 },
    { kind: "add", into: "end", left: result("passed"), right: FIRST_PASSED_FD },
    { kind: "label", name: again },
    { kind: "branch", when: "equal", left: result("number"), right: result("end"), to: done },
    { kind: "load", into: "handed", address: result("place"), width: 4 },
  );
  act();
  to.add(
    { kind: "add", into: "place", left: result("place"), right: 4 },
    { kind: "add", into: "number", left: result("number"), right: 1 },
    { kind: "jump", to: again },
    { kind: "label", name: done },
  );
}

function closeFds(to: Emitter, names: readonly string[]): void {
  for (const name of names) to.call(close({ fd: result(name) }), { onError: "continue" });
}

/** A box for the log, filled in from the message, and an entry for each of the two pipes. */
function takeBox(to: Emitter, options: KeeperOptions, full: string): void {
  const { architecture } = options;
  const undo = to.label("undo");
  const undoOutput = to.label("undo output");
  const done = to.label("done");
  takePiece(to, BOX_POOL, { into: "box", full });
  const fields = [
    [MESSAGE_LOG, BOX.name, 8],
    [MESSAGE_SIZE, BOX.size, 8],
    [MESSAGE_LIMIT, BOX.limit, 8],
    [MESSAGE_FILES, BOX.files, 4],
    [MESSAGE_WAIT, BOX.wait, 4],
    [MESSAGE_LOST, BOX.lost, 8],
  ] as const;
  for (const [from, offset, width] of fields) {
    to.add({ kind: "load", into: "value", address: said(from), width });
    storeField(to, result("value"), { of: "box", offset, width });
  }
  storeField(to, 2, { of: "box", offset: BOX.open, width: 4 });
  storeField(to, 0, { of: "box", offset: BOX.until, width: 8 });
  const kind = KIND.pipe;
  const output = { fd: result("output"), kind, architecture, full: undo, into: "first pipe" };
  watchFd(to, output);
  storePipe(to, "first pipe", STREAM.stdout);
  watchFd(to, { ...output, fd: result("errors"), full: undoOutput, into: "second pipe" });
  storePipe(to, "second pipe", STREAM.stderr);
  goTo(to, done);
  place(to, undoOutput);
  unwatch(to, "first pipe", options);
  place(to, undo);
  giveBack(to, BOX_POOL, "box");
  goTo(to, full);
  place(to, done);
}

function storePipe(to: Emitter, pipe: string, stream: number): void {
  storeField(to, stream, { of: pipe, offset: ENTRY.stream, width: 4 });
  storeField(to, result("box"), { of: pipe, offset: ENTRY.box, width: 8 });
}

/** What only the new process needs. */
const HANDED = START_FDS.filter((name) => name !== "output" && name !== "errors");

function closeHanded(to: Emitter): void {
  closeFds(to, HANDED);
  eachPassed(to, () => to.call(close({ fd: result("handed") }), { onError: "continue" }));
}

function startContainer(to: Emitter, options: KeeperOptions, gone: string): void {
  const full = to.label("full");
  const child = to.label("child");
  const failed = to.label("failed");
  takeFds(to, START_FDS, gone);
  takeBox(to, options, full);
  to.call(clone3({ flags: 0n, exitSignal: SIGCHLD }), { into: "stage", onError: failed });
  whenEqual(to, [result("stage"), 0], child);
  closeHanded(to);
  reply(to, result("client"), { kind: ANSWER.start, value: result("stage") });
  goTo(to, AT.loop);
  // Both pipes are at their end now: what waits for them is taken back as after a container's end.
  place(to, failed);
  closeHanded(to);
  reply(to, result("client"), { kind: ANSWER.start, value: result("stage") });
  goTo(to, AT.loop);
  place(to, full);
  closeFds(to, ["output", "errors"]);
  closeHanded(to);
  reply(to, result("client"), { kind: ANSWER.start, value: -ENOMEM });
  goTo(to, AT.loop);
  place(to, child);
  becomeStage(to);
}

function becomeStage(to: Emitter): void {
  to.call(prlimit64({ resource: RLIMIT_NOFILE, limit: OLD_LIMIT }), { onError: "continue" });
  const moves = [
    ["stdin", 0],
    ["stdout", 1],
    ["stderr", 2],
    ["control", CONTROL_FD],
    ["report", REPORT_FD],
    ["announce", ANNOUNCE_FD],
    ["plan", PLAN_FD],
  ] as const;
  for (const [from, newfd] of moves) {
    to.call(dup3({ oldfd: result(from), newfd }), { onError: "continue" });
  }
  eachPassed(to, () => {
    const move = dup3({ oldfd: result("handed"), newfd: result("number") });
    to.call(move, { onError: "continue" });
  });
  const program = { dirfd: result("image"), pathname: "", flags: AT_EMPTY_PATH };
  to.call(execveat({ ...program, argv: ["containerv"], envp: [] }), { onError: "continue" });
  // Whoever asked sees the end of the control socket without a report.
  to.call(exitGroup({ status: 126 }), { onError: "continue" });
}

/** A container whose keeper was lost: its end is seen by its pidfd, its output by its named pipes. */
function adoptContainer(to: Emitter, options: KeeperOptions, gone: string): void {
  const full = to.label("full");
  const undo = to.label("undo");
  const { architecture } = options;
  takeFds(to, ADOPT_FDS, gone);
  takeBox(to, options, full);
  const watched = { fd: result("pidfd"), kind: KIND.process, architecture, into: "process" };
  watchFd(to, { ...watched, full: undo });
  to.add({ kind: "load", into: "value", address: said(MESSAGE_PID), width: 4 });
  storeField(to, result("value"), { of: "process", offset: ENTRY.pid, width: 4 });
  reply(to, result("client"), { kind: ANSWER.adopt, value: 0 });
  goTo(to, AT.loop);
  place(to, undo);
  unwatch(to, "first pipe", options);
  unwatch(to, "second pipe", options);
  giveBack(to, BOX_POOL, "box");
  place(to, full);
  closeFds(to, ADOPT_FDS);
  reply(to, result("client"), { kind: ANSWER.adopt, value: -ENOMEM });
  goTo(to, AT.loop);
}
