/**
 * `containerv launched VERB …`: what the launcher executes when what it started did not end plainly. It hands over when it began and what the stage and
 * the container reported (runtime/plan/launcher/format.ts). Not for people.
 */
import { CLOCK_MONOTONIC, TIMESPEC } from "../../ffi/abi/timerfd.ts";
import { clockGettime } from "../../ffi/calls/timer.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFrom } from "../../ffi/linux/file.ts";
import { check, readCell } from "../../ffi/linux/run.ts";
import { REPORTED_BEGUN_BYTES, REPORTED_FD, REPORTED_PREFIX } from "../plan/launcher/format.ts";
import { decodeReport, type Report, REPORT_BYTES } from "../plan/report.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { commandRow } from "./table.ts";

export async function command([name = "", ...rest]: readonly string[]): Promise<number> {
  const row = commandRow(name);
  if (row === undefined) throw new UsageError("is no command for people");
  const given = await parseArguments(rest, row);
  const handed = takeReports();
  if (name === "exec") {
    return await (await import("./quick_exec.ts")).launched(given, handed.reports);
  }
  return await (await import("./run.ts")).launched(given, handed);
}

interface Handed {
  readonly msAgo: number;
  readonly reports: readonly Report[];
}

function takeReports(): Handed {
  using fd = new Fd(REPORTED_FD);
  const bytes = readFrom(fd.number, 0);
  const reports: Report[] = [];
  const entry = REPORTED_PREFIX + REPORT_BYTES;
  for (let at = REPORTED_BEGUN_BYTES; at < bytes.length; at += entry) {
    const from = bytes[at] === 1 ? "stage" : "container";
    const begin = at + REPORTED_PREFIX;
    const report = decodeReport(bytes.subarray(begin, begin + REPORT_BYTES), from);
    if (report !== undefined) reports.push(report);
  }
  return { msAgo: milliseconds(now()) - milliseconds(bytes), reports };
}

const NOW = { cell: "now", size: TIMESPEC.size } as const;

function now(): Uint8Array {
  check(clockGettime({ clockid: CLOCK_MONOTONIC, tp: NOW }));
  return readCell(NOW);
}

/** Of a struct timespec: tv_sec 0, tv_nsec 8. */
function milliseconds({ buffer, byteOffset }: Uint8Array): number {
  const view = new DataView(buffer, byteOffset, TIMESPEC.size);
  return Number(view.getBigInt64(0, true)) * 1000 + Number(view.getBigInt64(8, true)) / 1e6;
}
