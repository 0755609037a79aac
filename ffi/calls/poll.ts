/** Waiting for descriptors. ppoll(2). */
import { POLL_EVENTS, POLLFD } from "../abi/poll.ts";
import { SIGSET_SIZE } from "../abi/signal.ts";
import { TIMESPEC } from "../abi/timerfd.ts";
import type { Cell, Patch, Syscall, Word } from "./call.ts";
import { NULL, struct, syscall, uint64 } from "./record.ts";
import {
  showArray,
  showFlags,
  showPointer,
  showSigset,
  showStruct,
  showTime,
  showWord,
} from "./show.ts";
import type { Timespec } from "./timer.ts";

/** One descriptor and the events that it is waited for. */
export interface PollEntry {
  readonly fd: Word;
  readonly events: number;
}

/** Cell memory for `count` descriptors, to be given to `ppoll` as `fds`. */
export function pollCell(name: string, count: number): Cell {
  return { cell: name, size: count * POLLFD.size };
}

/** The member of entry `index` of a pollfd array: where a program stores `fd` and `events` and loads `revents`. */
export function pollField(
  cell: Cell,
  member: { readonly index: number; readonly field: "fd" | "events" | "revents" },
): { readonly address: Cell; readonly width: 2 | 4 } {
  const { offset, size } = POLLFD.fields[member.field];
  const at = (cell.offset ?? 0) + member.index * POLLFD.size + offset;
  if (at + size > cell.size) throw new RangeError(`${cell.cell} has no entry ${member.index}`);
  return { address: { ...cell, offset: at }, width: size === 4 ? 4 : 2 };
}

/**
 * `ppoll(2)`: waits until a descriptor is ready, a signal comes or the time is over (absent: no limit); the result is
 * how many are ready, 0 when the time is over.
 *
 * `fds` as a cell can be read by the program afterwards; as a list only the result tells. Absent: only the time.
 *
 * Header  include/uapi/asm-generic/poll.h
 * Since   Linux 2.6.16
 * Needs   nothing
 * Errors  EINTR   a signal came
 *         EINVAL  more descriptors than RLIMIT_NOFILE
 * @see https://man7.org/linux/man-pages/man2/ppoll.2.html
 */
export function ppoll(
  args: {
    fds?: readonly PollEntry[] | Cell;
    nfds?: number;
    timeout?: Timespec;
    sigmask?: bigint;
  },
): Syscall {
  const { fds = [], timeout, sigmask } = args;
  const list = isList(fds) ? fds : undefined;
  const nfds = args.nfds ??
    (isList(fds) ? fds.length : Math.floor((fds.size - (fds.offset ?? 0)) / POLLFD.size));
  const limit = timeout && struct(TIMESPEC, { tv_sec: timeout.sec, tv_nsec: timeout.nsec });
  return syscall("ppoll", {
    words: [
      isList(fds) ? (fds.length === 0 ? NULL : pollfds(fds)) : fds,
      nfds,
      limit ?? NULL,
      sigmask === undefined ? NULL : uint64(sigmask),
      SIGSET_SIZE,
    ],
    text: () => [
      list === undefined ? showPointer(fds as Cell) : list.length === 0 ? "NULL" : showList(list),
      String(nfds),
      timeout === undefined ? "NULL" : showTime(timeout),
      sigmask === undefined ? "NULL" : showSigset(sigmask),
      String(SIGSET_SIZE),
    ],
  });
}

const isList = (fds: readonly PollEntry[] | Cell): fds is readonly PollEntry[] =>
  Array.isArray(fds);

function pollfds(entries: readonly PollEntry[]): Word {
  const bytes = new Uint8Array(entries.length * POLLFD.size);
  const view = new DataView(bytes.buffer);
  const patches: Patch[] = [];
  entries.forEach(({ fd, events }, index) => {
    const at = index * POLLFD.size;
    if (typeof fd === "number") view.setInt32(at, fd, true);
    else patches.push({ offset: at, width: 4, word: fd });
    view.setUint16(at + POLLFD.fields.events.offset, events, true);
  });
  return { bytes, patches };
}

const showList = (entries: readonly PollEntry[]): string =>
  showArray(
    entries.map(({ fd, events }) =>
      // The kernel skips negative descriptors, and strace what they wait for.
      showStruct({
        fd: showWord(fd),
        events: typeof fd === "number" && fd < 0 ? undefined : showFlags(events, POLL_EVENTS),
      })
    ),
  );
