/** The part of the launcher that says how a run ended that ended well: `✔ exit 0 · 12 ms · memory 64MiB, pids 16`. */
import { CLOCK_MONOTONIC, TIMESPEC } from "../../../ffi/abi/timerfd.ts";
import type { Bytes, Cell } from "../../../ffi/calls/call.ts";
import { write } from "../../../ffi/calls/io.ts";
import { clockGettime } from "../../../ffi/calls/timer.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, whenEqual, whenLess } from "../flow.ts";
import { BEGUN, loadHeader, toAddress } from "./core.ts";
import { LAUNCH, LINE_BYTES_MAX, LINE_START } from "./format.ts";

const ENDED: Cell = { cell: "ended", size: TIMESPEC.size };
const START: Bytes = { bytes: new TextEncoder().encode(LINE_START) };
const MILLISECOND = 1_000_000;
const BILLION = 1_000_000_000;
/** A run of 300 years has no more digits. */
const DIGITS_MAX = 13;
const LINE: Cell = { cell: "line", size: START.bytes.length + DIGITS_MAX + LINE_BYTES_MAX + 16 };

/** In one write, so that nothing comes between. */
export function sayLine(to: Emitter): void {
  to.call(clockGettime({ clockid: CLOCK_MONOTONIC, tp: ENDED }), { onError: "continue" });
  toNanoseconds(to, "now", BEGUN);
  toNanoseconds(to, "end", ENDED);
  // To the nearest millisecond.
  addTo(to, "end", MILLISECOND / 2);
  set(to, "to", { ...LINE, offset: 0 });
  set(to, "from", START);
  set(to, "bytes", START.bytes.length);
  copy(to);
  writeMilliseconds(to);
  loadHeader(to, "from", LAUNCH.line);
  toAddress(to, "from");
  loadHeader(to, "bytes", LAUNCH.lineBytes);
  copy(to);
  // How much there is: what all began with is known, and so is the length of the rest.
  to.add(
    { kind: "add", into: "count", left: result("digits"), right: START.bytes.length },
    { kind: "add", into: "count", left: result("count"), right: result("bytes") },
  );
  to.call(write({ fd: 2, buf: LINE, count: result("count") }), { onError: "continue" });
}

/** Seconds times a billion, by doubling: the language has sums only. */
function toNanoseconds(to: Emitter, into: string, time: Cell): void {
  const { tv_sec, tv_nsec } = TIMESPEC.fields;
  to.add(
    { kind: "load", into, address: { ...time, offset: tv_nsec.offset }, width: 8 },
    { kind: "load", into: "power", address: { ...time, offset: tv_sec.offset }, width: 8 },
  );
  for (let bits = BILLION; bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) {
      to.add({ kind: "add", into, left: result(into), right: result("power") });
    }
    to.add({ kind: "add", into: "power", left: result("power"), right: result("power") });
  }
}

/** Each digit is how often its unit fits into what is left; `digits` counts them. */
function writeMilliseconds(to: Emitter): void {
  set(to, "digits", 0);
  for (let power = DIGITS_MAX - 1; power >= 0; power--) {
    const more = to.label("more");
    const less = to.label("less");
    const skip = to.label("leading zero");
    const digit = to.label("digit");
    set(to, "digit", 0);
    place(to, more);
    const right = 10n ** BigInt(power) * BigInt(MILLISECOND);
    to.add({ kind: "add", into: "next", left: result("now"), right });
    whenLess(to, [result("end"), result("next")], less);
    set(to, "now", result("next"));
    addTo(to, "digit", 1);
    goTo(to, more);
    place(to, less);
    if (power > 0) {
      whenLess(to, [0, result("digit")], digit);
      whenEqual(to, [result("digits"), 0], skip);
    }
    place(to, digit);
    addTo(to, "digit", "0".charCodeAt(0));
    to.add({ kind: "store", value: result("digit"), address: result("to"), width: 1 });
    addTo(to, "to", 1);
    addTo(to, "digits", 1);
    place(to, skip);
  }
}

/** `bytes` from `from` on to where `to` points, which is behind them then. Eight at a time: what is too much is written over. */
function copy(to: Emitter): void {
  const loop = to.label("copy");
  const done = to.label("copied");
  const more = to.label("more");
  set(to, "at", 0);
  place(to, loop);
  whenLess(to, [result("at"), result("bytes")], more);
  goTo(to, done);
  place(to, more);
  to.add(
    { kind: "load", into: "eight", address: result("from"), offset: result("at"), width: 8 },
    {
      kind: "store",
      value: result("eight"),
      address: result("to"),
      offset: result("at"),
      width: 8,
    },
  );
  addTo(to, "at", 8);
  goTo(to, loop);
  place(to, done);
  to.add({ kind: "add", into: "to", left: result("to"), right: result("bytes") });
}
