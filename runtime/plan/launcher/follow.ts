/** The part of the launcher that passes signals on until the stage has ended. */
import { POLLFD, POLLIN } from "../../../ffi/abi/poll.ts";
import { SIGINFO, SIGINT, SIGKILL, SIGTERM } from "../../../ffi/abi/signal.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../../ffi/abi/socket.ts";
import { CLOCK_MONOTONIC, TFD_CLOEXEC, TFD_NONBLOCK } from "../../../ffi/abi/timerfd.ts";
import type { Cell, Word } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import { pollCell, pollField, ppoll } from "../../../ffi/calls/poll.ts";
import { sendto } from "../../../ffi/calls/socket.ts";
import { timerfdCreate, timerfdSettime } from "../../../ffi/calls/timer.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, whenEqual, whenLess } from "../flow.ts";
import { CONTROL_BYTES } from "../report.ts";
import { AT, FILE, SLOT } from "./core.ts";
import { LAUNCH } from "./format.ts";

const SIGNAL: Cell = { cell: "signal", size: SIGINFO.size };
const MESSAGE: Cell = { cell: "message", size: CONTROL_BYTES };
const TICK: Cell = { cell: "tick", size: 8 };
const KILL = "launcher.kill";

/** Until the stage has ended. */
export function followStage(to: Emitter): void {
  const fds = pollCell("watched", 3);
  const loop = to.label("watch");
  const asked = to.label("asked");
  place(to, AT.follow);
  set(to, "timer", -1);
  set(to, "asked", 0);
  [SLOT.stage, SLOT.signals, "timer"].forEach((name, index) => {
    to.add(
      { kind: "store", value: result(name), ...pollField(fds, { index, field: "fd" }) },
      { kind: "store", value: POLLIN, ...pollField(fds, { index, field: "events" }) },
    );
  });
  place(to, loop);
  to.call(ppoll({ fds, nfds: fds.size / POLLFD.size }), { onError: loop });
  ["stage", "signal", "timer"].forEach((name, index) => {
    to.add({ kind: "load", into: `${name} ready`, ...pollField(fds, { index, field: "revents" }) });
  });
  whenLess(to, [0, result("stage ready")], AT.ended);
  whenLess(to, [0, result("signal ready")], asked);
  whenLess(to, [0, result("timer ready")], KILL);
  goTo(to, loop);
  place(to, asked);
  passSignal(to, { loop, fds });
  place(to, KILL);
  send(to, SIGKILL);
  whenEqual(to, [result("timer"), -1], loop);
  to.call(read({ fd: result("timer"), buf: TICK, count: TICK.size }), { onError: "continue" });
  goTo(to, loop);
}

/** PID 1 of a container does not die of a signal that it does not handle: after the first SIGINT or SIGTERM the grace time runs, after the second it is over. */
function passSignal(
  to: Emitter,
  { loop, fds }: { readonly loop: string; readonly fds: Cell },
): void {
  const ends = to.label("ends");
  to.call(read({ fd: result(SLOT.signals), buf: SIGNAL, count: SIGNAL.size }), { onError: loop });
  to.add({ kind: "load", into: "signal", address: SIGNAL, width: 4 });
  send(to, result("signal"));
  whenEqual(to, [result("signal"), SIGINT], ends);
  whenEqual(to, [result("signal"), SIGTERM], ends);
  goTo(to, loop);
  place(to, ends);
  addTo(to, "asked", 1);
  whenLess(to, [1, result("asked")], KILL);
  const flags = TFD_CLOEXEC | TFD_NONBLOCK;
  // Without a timer there is no grace.
  const options = { onError: KILL };
  to.call(timerfdCreate({ clockid: CLOCK_MONOTONIC, flags }), { ...options, into: "timer" });
  const value = { ...FILE, offset: LAUNCH.grace };
  to.call(timerfdSettime({ fd: result("timer"), value }), options);
  to.add({
    kind: "store",
    value: result("timer"),
    ...pollField(fds, { index: 2, field: "fd" }),
  });
  goTo(to, loop);
}

/** A stage that has ended takes no signal. */
function send(to: Emitter, signal: Word): void {
  to.add({ kind: "store", value: signal, address: MESSAGE, width: 4 });
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  to.call(sendto({ sockfd: result(SLOT.control), buf: MESSAGE, flags }), { onError: "continue" });
}
