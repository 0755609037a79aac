/** The part of the launcher that compares what a launch file expects with what there is. Whatever differs is left to the runtime. */
import { O_CLOEXEC, O_NONBLOCK } from "../../../ffi/abi/fcntl.ts";
import { STAMP_WORDS, STATX_BASIC_STATS } from "../../../ffi/abi/stat.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import { close, openat, readlinkat } from "../../../ffi/calls/open.ts";
import { statx } from "../../../ffi/calls/stat.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, loadField, place, set, unlessEqual, whenEqual, whenLess } from "../flow.ts";
import { AT, loadHeader, STATUS, toAddress } from "./core.ts";
import { findVariable } from "./environment.ts";
import {
  CHECK,
  CHECK_BYTES,
  CHECK_KIND,
  CHECKED_BYTES_MAX,
  type CheckKind,
  LAUNCH,
} from "./format.ts";

/** What was read, and zeros up to the next multiple of 8. */
const TEXT: Cell = { cell: "text", size: CHECKED_BYTES_MAX + 8 };
const COMPARE = "launcher.compare";
const SEARCH = "launcher.search";
const SAME = "launcher.same";
const SPACE = 0x20;
const CLOSING_PARENTHESIS = 0x29;
/** Fields of /proc/PID/stat from the command's name, the second, to the starting time, the 22nd: proc_pid_stat(5). */
const SPACES_TO_TICKS = 20;

/** Goes on at `AT.passed` when all is as it was. */
export function checkAll(to: Emitter): void {
  place(to, AT.checks);
  loadHeader(to, "check", LAUNCH.checks);
  toAddress(to, "check");
  loadHeader(to, "checks left", LAUNCH.checkCount);
  const one = to.label("check");
  place(to, one);
  whenEqual(to, [result("checks left"), 0], AT.passed);
  for (const field of ["kind", "path", "expected", "bytes"] as const) {
    loadField(to, field, { of: "check", offset: CHECK[field], width: 4 });
  }
  toAddress(to, "path");
  toAddress(to, "expected");
  const kinds = Object.keys(CHECK_KIND) as CheckKind[];
  for (const kind of kinds) whenEqual(to, [result("kind"), CHECK_KIND[kind]], labelOf(kind));
  goTo(to, AT.leave);
  for (const kind of kinds) {
    place(to, labelOf(kind));
    CHECKS[kind](to);
  }
  compare(to);
  search(to, { begin: SEARCH, same: SAME, found: AT.nextCheck, missing: AT.leave });
  place(to, AT.nextCheck);
  addTo(to, "check", CHECK_BYTES);
  addTo(to, "checks left", -1);
  goTo(to, one);
}

const labelOf = (kind: CheckKind): string => `launcher.${kind}`;

const CHECKS: Readonly<Record<CheckKind, (to: Emitter) => void>> = {
  file: (to) => {
    readText(to);
    compareText(to);
  },
  part: (to) => {
    readText(to);
    set(to, "found", { ...TEXT, offset: 0 });
    goTo(to, SEARCH);
  },
  // Where the last one was found.
  more: (to) => goTo(to, SEARCH),
  link: (to) => {
    const bufsiz = CHECKED_BYTES_MAX;
    to.call(readlinkat({ pathname: result("path"), buf: TEXT, bufsiz }), { into: "count" });
    endText(to);
    compareText(to);
  },
  ticks: (to) => {
    readText(to);
    findTicks(to);
    searchHere(to, SAME);
  },
  status: compareStatus,
  variable: (to) => {
    findVariable(to, result("path"), AT.leave);
    // As far as the NUL behind it.
    set(to, "found", result("here"));
    searchHere(to, SAME);
  },
  unset: (to) => {
    findVariable(to, result("path"), AT.nextCheck);
    goTo(to, AT.leave);
  },
};

function readText(to: Emitter): void {
  const flags = O_CLOEXEC | O_NONBLOCK;
  to.call(openat({ pathname: result("path"), flags }), { into: "file" });
  to.call(read({ fd: result("file"), buf: TEXT, count: CHECKED_BYTES_MAX }), { into: "count" });
  to.call(close({ fd: result("file") }));
  endText(to);
}

/** Zeros behind the text, and where it ends. */
function endText(to: Emitter): void {
  to.add(
    { kind: "add", into: "text end", left: result("count"), right: { ...TEXT, offset: 0 } },
    { kind: "store", value: 0, address: result("text end"), width: 8 },
  );
}

function compareText(to: Emitter): void {
  unlessEqual(to, [result("count"), result("bytes")], AT.leave);
  set(to, "found", { ...TEXT, offset: 0 });
  goTo(to, COMPARE);
}

/** Eight bytes at a time: both are filled up with zeros. */
function compare(to: Emitter): void {
  const loop = to.label("eight");
  const more = to.label("more");
  place(to, COMPARE);
  set(to, "at", 0);
  place(to, loop);
  whenLess(to, [result("at"), result("bytes")], more);
  goTo(to, AT.nextCheck);
  place(to, more);
  to.add(
    { kind: "load", into: "left", address: result("found"), offset: result("at"), width: 8 },
    { kind: "load", into: "right", address: result("expected"), offset: result("at"), width: 8 },
  );
  unlessEqual(to, [result("left"), result("right")], AT.leave);
  addTo(to, "at", 8);
  goTo(to, loop);
}

/** Where a search begins, where what was found is compared to its end, and where it goes on. */
export interface Search {
  readonly begin: string;
  readonly same: string;
  readonly found: string;
  readonly missing: string;
}

/** As a search, at the address in `found` alone, of a text that may be short. `same`: that of the search. */
export function searchHere(to: Emitter, same: string): void {
  to.add(
    { kind: "add", into: "text end", left: result("found"), right: 1 },
    { kind: "add", into: "expected end", left: result("expected"), right: result("bytes") },
  );
  set(to, "here", result("found"));
  set(to, "there", result("expected"));
  goTo(to, same);
}

/**
 * Looks for the text in `expected`, `bytes` long, from the address in `found` to `text end`; its first eight bytes are looked for at once. What is
 * found ends at `found`.
 */
export function search(to: Emitter, { begin, same, found, missing }: Search): void {
  const loop = to.label("search");
  const look = to.label("look");
  const maybe = to.label("maybe");
  const further = to.label("further");
  const whole = to.label("whole");
  const count = to.label("count");
  place(to, begin);
  to.add(
    { kind: "load", into: "first", address: result("expected"), width: 8 },
    { kind: "add", into: "expected end", left: result("expected"), right: result("bytes") },
  );
  place(to, loop);
  whenLess(to, [result("found"), result("text end")], look);
  goTo(to, missing);
  place(to, look);
  to.add({ kind: "load", into: "left", address: result("found"), width: 8 });
  whenEqual(to, [result("left"), result("first")], maybe);
  place(to, further);
  addTo(to, "found", 1);
  goTo(to, loop);
  place(to, maybe);
  to.add(
    { kind: "add", into: "here", left: result("found"), right: 8 },
    { kind: "add", into: "there", left: result("expected"), right: 8 },
  );
  place(to, same);
  whenEqual(to, [result("there"), result("expected end")], whole);
  to.add(
    { kind: "load", into: "left", address: result("here"), width: 1 },
    { kind: "load", into: "right", address: result("there"), width: 1 },
  );
  whenEqual(to, [result("left"), result("right")], count);
  goTo(to, further);
  place(to, count);
  addTo(to, "here", 1);
  addTo(to, "there", 1);
  goTo(to, same);
  place(to, whole);
  set(to, "found", result("here"));
  goTo(to, found);
}

/**
 * `found` = where the 22nd field begins. The name of a command may hold spaces and parentheses: the last one ends it. Who has less fields
 * has the text's end instead.
 */
function findTicks(to: Emitter): void {
  const loop = to.label("closing");
  const next = to.label("next");
  const other = to.label("other");
  const fields = to.label("fields");
  const field = to.label("field");
  const letter = to.label("letter");
  const there = to.label("there");
  set(to, "found", { ...TEXT, offset: 0 });
  set(to, "here", { ...TEXT, offset: 0 });
  place(to, loop);
  whenEqual(to, [result("here"), result("text end")], fields);
  to.add({ kind: "load", into: "left", address: result("here"), width: 1 });
  whenEqual(to, [result("left"), CLOSING_PARENTHESIS], other);
  goTo(to, next);
  place(to, other);
  set(to, "found", result("here"));
  place(to, next);
  addTo(to, "here", 1);
  goTo(to, loop);
  place(to, fields);
  set(to, "spaces left", SPACES_TO_TICKS);
  place(to, field);
  whenEqual(to, [result("found"), result("text end")], AT.leave);
  to.add({ kind: "load", into: "left", address: result("found"), width: 1 });
  addTo(to, "found", 1);
  whenEqual(to, [result("left"), SPACE], letter);
  goTo(to, field);
  place(to, letter);
  addTo(to, "spaces left", -1);
  whenEqual(to, [result("spaces left"), 0], there);
  goTo(to, field);
  place(to, there);
}

function compareStatus(to: Emitter): void {
  to.call(statx({ pathname: result("path"), mask: STATX_BASIC_STATS, statxbuf: STATUS }));
  STAMP_WORDS.forEach((offset, index) => {
    to.add(
      { kind: "load", into: "left", address: { ...STATUS, offset }, width: 8 },
      { kind: "load", into: "right", address: result("expected"), offset: index * 8, width: 8 },
    );
    unlessEqual(to, [result("left"), result("right")], AT.leave);
  });
  goTo(to, AT.nextCheck);
}
