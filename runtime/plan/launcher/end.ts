/** The part of the launcher that ends as the command did. */
import { EAGAIN } from "../../../ffi/abi/errno.ts";
import { CLD_EXITED, SIGINFO } from "../../../ffi/abi/signal.ts";
import { MSG_DONTWAIT } from "../../../ffi/abi/socket.ts";
import { P_PIDFD, WEXITED } from "../../../ffi/abi/wait.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { read } from "../../../ffi/calls/io.ts";
import { exitGroup, waitid } from "../../../ffi/calls/process.ts";
import { recvfrom } from "../../../ffi/calls/socket.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, unlessEqual, whenEqual, whenLess } from "../flow.ts";
import {
  type Counter,
  COUNTERS,
  REPORT,
  REPORT_BYTES,
  REPORT_SIGINFO,
  REPORT_TEXT,
  type Reporter,
  REPORTS_MAX,
  SIGNALED,
} from "../report.ts";
import { search, searchHere } from "./checks.ts";
import { AT, loadHeader, SLOT } from "./core.ts";
import { ENTRY_BYTES, REPORTED } from "./explain.ts";
import { LAUNCH, REPORTED_PREFIX } from "./format.ts";
import { sayLine } from "./say.ts";

const STATUS: Cell = { cell: "exit status", size: 8 };

/** The reports decide: what runtime/apply/outcome.ts calls a plain outcome ends this process as the command ended. */
export function endAsCommand(to: Emitter): void {
  const killed = to.label("killed");
  place(to, AT.ended);
  to.call(waitid({ idtype: P_PIDFD, id: result(SLOT.stage), options: WEXITED }), {
    onError: "continue",
  });
  for (const name of ["step", "exited", "undone", "not plain", "reported bytes"]) set(to, name, 0);
  set(to, "entry", { ...REPORTED, offset: 0 });
  takeReports(to, "container");
  takeReports(to, "stage");
  whenEqual(to, [result("not plain"), 1], AT.explain);
  whenEqual(to, [result("undone"), 0], AT.explain);
  const ending = to.label("ending");
  set(to, "end", result("step"));
  unlessEqual(to, [result("end"), 0], ending);
  set(to, "end", result("exited"));
  unlessEqual(to, [result("end"), 0], ending);
  goTo(to, AT.explain);
  place(to, ending);
  const info = REPORTED_PREFIX + REPORT_SIGINFO;
  const { si_code, si_status } = SIGINFO.fields;
  const address = result("end");
  to.add(
    { kind: "load", into: "code", address, offset: info + si_code.offset, width: 4, signed: true },
    { kind: "load", into: "status", address, offset: info + si_status.offset, width: 1 },
  );
  sayEnd(to);
  unlessEqual(to, [result("code"), CLD_EXITED], killed);
  to.call(exitGroup({ status: result("status") }));
  place(to, killed);
  addTo(to, "status", SIGNALED);
  // Of what a container says no more than eight bits count.
  to.add(
    { kind: "store", value: result("status"), address: STATUS, width: 1 },
    { kind: "load", into: "status", address: STATUS, width: 1 },
  );
  to.call(exitGroup({ status: result("status") }));
}

/** What is in a report besides how the command ended makes it one that has to be looked at. */
const ENDS: Readonly<Record<Reporter, Readonly<Record<number, string>>>> = {
  container: { [REPORT.step]: "step" },
  stage: { [REPORT.exited]: "exited", [REPORT.undone]: "undone" },
};

const notPlain = (from: Reporter): string => `launcher.not plain ${from}`;

/** Every report that has arrived: as `drainReports` in runtime/apply/stage.ts. */
function takeReports(to: Emitter, from: Reporter): void {
  const next = to.label("report");
  const done = to.label("reports done");
  const refused = to.label("no report");
  const taken = to.label("taken");
  const whole = to.label("whole");
  set(to, "messages", REPORTS_MAX);
  place(to, next);
  whenEqual(to, [result("messages"), 0], done);
  addTo(to, "messages", -1);
  to.add({ kind: "add", into: "report", left: result("entry"), right: REPORTED_PREFIX });
  const into = { into: "count", onError: refused };
  const buf = result("report");
  const count = REPORT_BYTES;
  to.call(
    from === "container"
      ? read({ fd: result(SLOT.reports), buf, count })
      : recvfrom({ sockfd: result(SLOT.control), buf, len: count, flags: MSG_DONTWAIT }),
    into,
  );
  whenEqual(to, [result("count"), REPORT_BYTES], whole);
  whenEqual(to, [result("count"), 0], done);
  goTo(to, next);
  place(to, refused);
  // A stage that ended without having read what it was sent leaves an error in front of its last reports.
  whenEqual(to, [result("error.errno"), EAGAIN], done);
  goTo(to, next);
  place(to, whole);
  to.add(
    { kind: "store", value: from === "stage" ? 1 : 0, address: result("entry"), width: 8 },
    { kind: "load", into: "kind", address: result("report"), width: 4 },
  );
  if (from === "stage") {
    whenEqual(to, [result("kind"), REPORT.started], taken);
    passCounters(to, taken);
  }
  for (const [kind, slot] of Object.entries(ENDS[from])) {
    const other = to.label("other");
    unlessEqual(to, [result("kind"), Number(kind)], other);
    set(to, slot, result("entry"));
    goTo(to, taken);
    place(to, other);
  }
  place(to, notPlain(from));
  set(to, "not plain", 1);
  place(to, taken);
  addTo(to, "entry", ENTRY_BYTES);
  addTo(to, "reported bytes", ENTRY_BYTES);
  goTo(to, next);
  place(to, done);
}

/** Lines of the kernel's counters where nothing happened: then they are not told. Each has at least eight bytes, or begins its file. */
const NOTHING: Readonly<Record<Counter, string>> = {
  memory: "oom_kill 0\n",
  pids: "max 0\n",
  cpu: "nr_throttled 0\n",
};

/** What the limits did is of interest only where it is said how a run ended. */
function passCounters(to: Emitter, taken: string): void {
  const other = to.label("other");
  unlessEqual(to, [result("kind"), REPORT.counters], other);
  loadHeader(to, "says", LAUNCH.says);
  whenEqual(to, [result("says"), 0], taken);
  const report = result("report");
  to.add(
    { kind: "load", into: "counter", address: report, offset: 4, width: 4 },
    { kind: "load", into: "count", address: report, offset: 8, width: 4 },
    { kind: "add", into: "found", left: report, right: REPORT_TEXT },
  );
  whenLess(to, [REPORT_BYTES - REPORT_TEXT - 8, result("count")], notPlain("stage"));
  to.add({ kind: "add", into: "text end", left: result("found"), right: result("count") });
  COUNTERS.forEach((counter, index) => {
    const next = to.label("other counter");
    const bytes = new TextEncoder().encode(NOTHING[counter]);
    unlessEqual(to, [result("counter"), index], next);
    set(to, "expected", { bytes });
    set(to, "bytes", bytes.length);
    const labels = {
      begin: to.label("search for counter"),
      same: to.label("same counter"),
      found: taken,
      missing: notPlain("stage"),
    };
    if (bytes.length < 8) searchHere(to, labels.same);
    search(to, labels);
    place(to, next);
  });
  goTo(to, notPlain("stage"));
  place(to, other);
}

/** A run that ended well is said here; of all others the runtime says more. */
function sayEnd(to: Emitter): void {
  const silent = to.label("silent");
  loadHeader(to, "says", LAUNCH.says);
  whenEqual(to, [result("says"), 0], silent);
  unlessEqual(to, [result("code"), CLD_EXITED], AT.explain);
  unlessEqual(to, [result("status"), 0], AT.explain);
  sayLine(to);
  place(to, silent);
}
