/** The file of endings that a keeper appends to, read: how each of a project's processes ended. */
import { CLD_EXITED } from "../../ffi/abi/signal.ts";
import { readBytes } from "../../ffi/linux/file.ts";
import { decodeExit } from "../../ffi/linux/wait.ts";
import type { Ending } from "./record.ts";

/** Bytes of one ending and its parts; runtime/plan/keeper/protocol.ts says it to the keeper. */
export const ENDING_BYTES = 288;
const SIGINFO_AT = 16;
const RUSAGE_AT = 144;

/** Endings by process. The same pid may have several, of different times. */
export interface Endings {
  /** The first ending of `pid` that was written at byte `from` or behind. */
  readonly of: (pid: number, from: number) => Ending | undefined;
  /** Whole endings, in bytes. */
  readonly bytes: number;
}

/** Reads the file from byte `begin` on, where an ending begins; one that is not there holds none. */
export function readEndings(path: string, begin = 0): Endings {
  const bytes = readBytes(path, { begin }) ?? new Uint8Array();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, number[]>();
  let offset = 0;
  for (; offset + ENDING_BYTES <= bytes.length; offset += ENDING_BYTES) {
    // siginfo_t: si_pid 16
    const pid = view.getInt32(offset + SIGINFO_AT + 16, true);
    const list = found.get(pid) ?? [];
    list.push(offset);
    found.set(pid, list);
  }
  return {
    bytes: begin + offset,
    of: (pid, from) => {
      const first = found.get(pid)?.find((at) => begin + at >= from);
      return first === undefined ? undefined : decode(bytes.subarray(first, first + ENDING_BYTES));
    },
  };
}

/** One ending of the file, and whose it is. */
export interface NotedEnding {
  readonly pid: number;
  readonly ending: Ending;
}

/** Whole endings of a piece of the file, which begins at one; the rest is half of one. */
export function decodeEndings(bytes: Uint8Array): readonly NotedEnding[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / ENDING_BYTES) }, (_, index) => {
    const offset = index * ENDING_BYTES;
    return {
      pid: view.getInt32(offset + SIGINFO_AT + 16, true),
      ending: decode(bytes.subarray(offset, offset + ENDING_BYTES)),
    };
  });
}

function decode(bytes: Uint8Array): Ending {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = Number(view.getBigUint64(0, true)) * 1000 +
    Math.floor(Number(view.getBigUint64(8, true)) / 1e6);
  const exit = decodeExit(bytes.subarray(SIGINFO_AT, RUSAGE_AT), bytes.subarray(RUSAGE_AT));
  const usage = exit?.rusage;
  const rest = {
    at,
    cpuMicroseconds: (usage?.userMicroseconds ?? 0) + (usage?.systemMicroseconds ?? 0),
    maxRssKib: usage?.maxRssKib ?? 0,
  };
  // A keeper that adopted the container saw that it ended, not how: the code is 0 then.
  if (exit === undefined || exit.code === 0) return { status: 255, lost: true, ...rest };
  if (exit.code === CLD_EXITED) return { status: exit.status & 0xff, lost: false, ...rest };
  return { status: 128 + exit.status, signal: exit.status, lost: false, ...rest };
}
