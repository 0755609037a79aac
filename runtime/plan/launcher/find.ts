/** The part of the launcher that finds what is remembered of a command line. */
import {
  AT_EMPTY_PATH,
  F_GETFD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
} from "../../../ffi/abi/fcntl.ts";
import { STATX, STATX_BASIC_STATS } from "../../../ffi/abi/stat.ts";
import { CLOCK_MONOTONIC } from "../../../ffi/abi/timerfd.ts";
import { cstr } from "../../../ffi/abi/text.ts";
import type { Bytes, Cell } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import { close, fcntl, openat } from "../../../ffi/calls/open.ts";
import { statx } from "../../../ffi/calls/stat.ts";
import { clockGettime } from "../../../ffi/calls/timer.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, unlessEqual, whenEqual } from "../flow.ts";
import { AT, BEGUN, FILE, loadHeader, SLOT, STATUS, toAddress } from "./core.ts";
import { findVariable } from "./environment.ts";
import {
  EXEC_LAUNCHES,
  LAUNCH,
  LAUNCH_HASH_FIRST,
  LAUNCH_MAGIC,
  LAUNCH_PLACE,
  ROOT_CACHE,
} from "./format.ts";

/** Two digits for each byte. */
const DIGITS: Bytes = {
  bytes: new TextEncoder().encode(
    Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""),
  ),
};
/** Written when it is known, so no constant. */
const NAME: Bytes = { bytes: cstr("0".repeat(16)), patches: [] };
/** Of the caches, where XDG_CACHE_HOME says it: longer is none. */
const PATH_MAX = 4000;
const PATH: Cell = { cell: "directory", size: PATH_MAX + LAUNCH_PLACE.length + 16 };
const HASH: Cell = { cell: "hash", size: 8 };
/** A directory that only its owner may enter. */
const DIRECTORY_MODE = 0o40700;

/** Reads the launch file of this command line, and makes sure that it is one. */
export function findLaunch(to: Emitter, build: bigint): void {
  // The first slot's first value: see ffi/stage/launcher_x86_64.ts.
  set(to, SLOT.stack, result("error.record"));
  to.call(clockGettime({ clockid: CLOCK_MONOTONIC, tp: BEGUN }));
  to.add({ kind: "load", into: SLOT.argc, address: result(SLOT.stack), width: 8 });
  // Where one is closed the first file that is opened would take its place.
  for (const fd of [0, 1, 2]) to.call(fcntl({ fd, cmd: F_GETFD }));
  chooseDirectory(to);
  hashWords(to);
  nameFile(to);
  openDirectory(to);
  readFile(to, build);
  compareWords(to);
}

/** Goes over argv from the second word on. `each`: with the word's address in slot `word`; it goes on at `next`. */
function overWords(to: Emitter, each: (next: string) => void): void {
  const loop = to.label("word");
  const next = to.label("next word");
  const done = to.label("words done");
  to.add({ kind: "add", into: "pointer", left: result(SLOT.stack), right: 16 });
  place(to, loop);
  to.add({ kind: "load", into: "word", address: result("pointer"), width: 8 });
  whenEqual(to, [result("word"), 0], done);
  each(next);
  place(to, next);
  addTo(to, "pointer", 8);
  goTo(to, loop);
  place(to, done);
}

/** The code in front lets no other verb through; their first letters differ. */
function chooseDirectory(to: Emitter): void {
  const chosen = to.label("chosen");
  const run = to.label("run");
  to.add(
    { kind: "load", into: "word", address: result(SLOT.stack), offset: 16, width: 8 },
    { kind: "load", into: "letter", address: result("word"), width: 1 },
  );
  unlessEqual(to, [result("letter"), "e".charCodeAt(0)], run);
  set(to, "directory", { bytes: cstr(EXEC_LAUNCHES) });
  goTo(to, chosen);
  place(to, run);
  set(to, "directory", { bytes: cstr(ROOT_CACHE + LAUNCH_PLACE) });
  findVariable(to, { bytes: cstr("XDG_CACHE_HOME=") }, chosen);
  // A relative one counts for nothing, as for the runtime.
  to.add({ kind: "load", into: "letter", address: result("here"), width: 1 });
  unlessEqual(to, [result("letter"), "/".charCodeAt(0)], chosen);
  set(to, "directory", { ...PATH, offset: 0 });
  set(to, "to", result("directory"));
  to.add({ kind: "add", into: "last", left: result("directory"), right: PATH_MAX });
  copyText(to);
  set(to, "here", { bytes: cstr(LAUNCH_PLACE) });
  to.add({ kind: "add", into: "last", left: result("to"), right: LAUNCH_PLACE.length + 1 });
  copyText(to);
  place(to, chosen);
}

/** From `here` to `to`, which is at the NUL then; what would reach `last` is left to the runtime. */
function copyText(to: Emitter): void {
  const loop = to.label("letter");
  const done = to.label("copied");
  place(to, loop);
  whenEqual(to, [result("to"), result("last")], AT.leave);
  to.add(
    { kind: "load", into: "letter", address: result("here"), width: 1 },
    { kind: "store", value: result("letter"), address: result("to"), width: 1 },
  );
  whenEqual(to, [result("letter"), 0], done);
  addTo(to, "here", 1);
  addTo(to, "to", 1);
  goTo(to, loop);
  place(to, done);
}

function hashWords(to: Emitter): void {
  set(to, "hash", LAUNCH_HASH_FIRST);
  overWords(to, (next) => {
    const byte = to.label("byte");
    place(to, byte);
    to.add({ kind: "load", into: "letter", address: result("word"), width: 1 });
    // Times 33.
    to.add({ kind: "add", into: "shifted", left: result("hash"), right: result("hash") });
    for (let bit = 1; bit < 5; bit++) {
      to.add({ kind: "add", into: "shifted", left: result("shifted"), right: result("shifted") });
    }
    to.add(
      { kind: "add", into: "hash", left: result("hash"), right: result("shifted") },
      { kind: "add", into: "hash", left: result("hash"), right: result("letter") },
    );
    whenEqual(to, [result("letter"), 0], next);
    addTo(to, "word", 1);
    goTo(to, byte);
  });
}

function nameFile(to: Emitter): void {
  to.add({ kind: "store", value: result("hash"), address: HASH, width: 8 });
  for (let byte = 0; byte < 8; byte++) {
    to.add(
      { kind: "load", into: "letter", address: { ...HASH, offset: 7 - byte }, width: 1 },
      { kind: "add", into: "letter", left: result("letter"), right: result("letter") },
      { kind: "load", into: "digits", address: DIGITS, offset: result("letter"), width: 2 },
      {
        kind: "store",
        value: result("digits"),
        address: NAME,
        offset: byte * 2,
        width: 2,
      },
    );
  }
}

/** Only root can have put there what is read. */
function openDirectory(to: Emitter): void {
  const { stx_mode, stx_uid } = STATX.fields;
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  to.call(openat({ pathname: result("directory"), flags }), { into: SLOT.directory });
  to.call(statx({
    dirfd: result(SLOT.directory),
    pathname: "",
    flags: AT_EMPTY_PATH,
    mask: STATX_BASIC_STATS,
    statxbuf: STATUS,
  }));
  to.add(
    { kind: "load", into: "mode", address: { ...STATUS, offset: stx_mode.offset }, width: 2 },
    { kind: "load", into: "owner", address: { ...STATUS, offset: stx_uid.offset }, width: 4 },
  );
  unlessEqual(to, [result("mode"), DIRECTORY_MODE], AT.leave);
  unlessEqual(to, [result("owner"), 0], AT.leave);
}

function readFile(to: Emitter, build: bigint): void {
  const dirfd = result(SLOT.directory);
  const flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  to.call(openat({ dirfd, pathname: NAME, flags }), { into: "file" });
  to.call(read({ fd: result("file"), buf: FILE, count: FILE.size }), { into: "count" });
  to.call(close({ fd: result("file") }));
  // What is shorter than its header says nothing of its length: the memory is zero.
  loadHeader(to, "expected", LAUNCH.bytes);
  unlessEqual(to, [result("count"), result("expected")], AT.leave);
  const magic = new DataView(new TextEncoder().encode(LAUNCH_MAGIC).buffer).getBigInt64(0, true);
  for (const [offset, expected] of [[LAUNCH.magic, magic], [LAUNCH.build, build]] as const) {
    to.add({ kind: "load", into: "found", address: { ...FILE, offset }, width: 8 });
    unlessEqual(to, [result("found"), expected], AT.leave);
  }
  // The build stands at the end too. A file that is shorter than its header had another length.
  to.add(
    { kind: "add", into: "last", left: result("count"), right: { ...FILE, offset: 0 } },
    { kind: "load", into: "found", address: result("last"), offset: -8, width: 8 },
  );
  unlessEqual(to, [result("found"), build], AT.leave);
}

/** The file's name is a hash, and proves nothing: its words do. */
function compareWords(to: Emitter): void {
  loadHeader(to, "expected", LAUNCH.words);
  toAddress(to, "expected");
  loadHeader(to, "end", LAUNCH.wordBytes);
  to.add({ kind: "add", into: "end", left: result("end"), right: result("expected") });
  overWords(to, (next) => {
    const byte = to.label("byte");
    place(to, byte);
    whenEqual(to, [result("expected"), result("end")], AT.leave);
    to.add(
      { kind: "load", into: "letter", address: result("word"), width: 1 },
      { kind: "load", into: "known", address: result("expected"), width: 1 },
    );
    unlessEqual(to, [result("letter"), result("known")], AT.leave);
    addTo(to, "expected", 1);
    whenEqual(to, [result("letter"), 0], next);
    addTo(to, "word", 1);
    goTo(to, byte);
  });
  unlessEqual(to, [result("expected"), result("end")], AT.leave);
}
