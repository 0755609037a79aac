/** The part of the launcher that leaves it to the runtime to say how a command ended: it gets the reports, and the words of the command line behind its role's. */
import { MFD_CLOEXEC } from "../../../ffi/abi/memfd.ts";
import { cstr } from "../../../ffi/abi/text.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { write } from "../../../ffi/calls/io.ts";
import { dup3, memfdCreate } from "../../../ffi/calls/open.ts";
import { execve, exitGroup } from "../../../ffi/calls/process.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, whenEqual, whenLess } from "../flow.ts";
import { REPORT_BYTES, REPORTS_MAX, STAGE_FAILED, STAGE_NAME } from "../report.ts";
import { restoreMask } from "./begin.ts";
import { AT, BEGUN, SLOT } from "./core.ts";
import { environmentOf } from "./environment.ts";
import { REPORTED_FD, REPORTED_PREFIX, REPORTED_ROLE, WORDS_MAX } from "./format.ts";

/** One report after the other, each with its prefix; the last place takes what is none, or one too many. */
export const ENTRY_BYTES: number = REPORTED_PREFIX + REPORT_BYTES;
export const REPORTED: Cell = { cell: "reported", size: (REPORTS_MAX * 2 + 1) * ENTRY_BYTES };
/** With two words more, and the null pointer. */
const ARGV: Cell = { cell: "argv", size: (WORDS_MAX + 3) * 8 };
const LOST =
  "error CONTAINER_LOST: the command did not end plainly, and containerv can't be executed again to say why\n";

/** The slot `reported bytes` says how much of `REPORTED` there is. */
export function explainEnd(to: Emitter): void {
  const lost = "launcher.lost";
  place(to, AT.explain);
  const options = { onError: lost };
  to.call(memfdCreate({ name: REPORTED_ROLE, flags: MFD_CLOEXEC }), { ...options, into: "given" });
  const count = result("reported bytes");
  to.call(write({ fd: result("given"), buf: BEGUN }), options);
  to.call(write({ fd: result("given"), buf: REPORTED, count }), options);
  // Not close-on-exec: it goes along.
  to.call(dup3({ oldfd: result("given"), newfd: REPORTED_FD }), options);
  buildArgv(to, lost);
  environmentOf(to, "environment");
  restoreMask(to);
  const envp = result("environment");
  to.call(execve({ pathname: "/proc/self/exe", argv: ARGV, envp }), options);
  place(to, lost);
  to.call(write({ fd: 2, buf: LOST }), { onError: "continue" });
  to.call(exitGroup({ status: STAGE_FAILED }), { onError: "continue" });
}

function buildArgv(to: Emitter, tooMany: string): void {
  const next = to.label("next word");
  const done = to.label("words done");
  const first = [STAGE_NAME, REPORTED_ROLE];
  first.forEach((text, index) => {
    const value = { bytes: cstr(text) };
    to.add({ kind: "store", value, address: { ...ARGV, offset: index * 8 }, width: 8 });
  });
  whenLess(to, [WORDS_MAX, result(SLOT.argc)], tooMany);
  to.add(
    { kind: "add", into: "pointer", left: result(SLOT.stack), right: 16 },
    { kind: "add", into: "copy", left: { ...ARGV, offset: first.length * 8 }, right: 0 },
  );
  place(to, next);
  to.add(
    { kind: "load", into: "word", address: result("pointer"), width: 8 },
    { kind: "store", value: result("word"), address: result("copy"), width: 8 },
  );
  addTo(to, "pointer", 8);
  addTo(to, "copy", 8);
  whenEqual(to, [result("word"), 0], done);
  goTo(to, next);
  place(to, done);
}
