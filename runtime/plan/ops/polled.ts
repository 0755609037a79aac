/** Arrays of struct pollfd in a program: what an entry waits for, and whether it is ready. poll(2). */
import type { Cell, Word } from "../../../ffi/calls/call.ts";
import { pollField } from "../../../ffi/calls/poll.ts";
import { type Emitter, result } from "../emitter.ts";

/** One of an array. */
export interface PolledEntry {
  readonly cell: Cell;
  readonly index: number;
}

/** From now on it waits for `fd`; -1: for nothing. */
export function waitForFd(to: Emitter, { cell, index }: PolledEntry, fd: Word): void {
  to.add({ kind: "store", value: fd, ...pollField(cell, { index, field: "fd" }) });
}

/** As `waitForFd`, and for which events. */
export function watchFd(
  to: Emitter,
  entry: PolledEntry,
  { fd, events }: { readonly fd: Word; readonly events: number },
): void {
  waitForFd(to, entry, fd);
  const { cell, index } = entry;
  to.add({ kind: "store", value: events, ...pollField(cell, { index, field: "events" }) });
}

/** Goes on at `otherwise` unless it is ready. */
export function unlessReady(to: Emitter, { cell, index }: PolledEntry, otherwise: string): void {
  to.add(
    { kind: "load", into: "revents", ...pollField(cell, { index, field: "revents" }) },
    { kind: "branch", when: "equal", left: result("revents"), right: 0, to: otherwise },
  );
}
