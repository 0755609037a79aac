/** What the parts of the keeper share: where they go on, what they remember, entries for descriptors, answers. */
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN } from "../../../ffi/abi/epoll.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../../ffi/abi/socket.ts";
import type { Cell, Word } from "../../../ffi/calls/call.ts";
import { epollCtl } from "../../../ffi/calls/epoll.ts";
import { close } from "../../../ffi/calls/open.ts";
import { sendto } from "../../../ffi/calls/socket.ts";
import type { Architecture } from "../../../ffi/stage/language.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, loadField, place, storeField } from "../flow.ts";
import { ENTRY, ENTRY_POOL, giveBack, takePiece } from "./memory.ts";
import { ANSWER, ANSWER_BYTES } from "./protocol.ts";

/** What a keeper is made for. */
export interface KeeperOptions {
  readonly architecture: Architecture;
  /** Who may speak to it besides root. */
  readonly uid: number;
  /** What is started when a container whose files are held has ended: its path, its words, its environment. */
  readonly collector?: {
    readonly pathname: string;
    readonly argv: readonly string[];
    readonly envp: readonly string[];
  };
}

/** Where the parts of the program go on. */
export const AT = {
  loop: "keeper.loop",
  /** Notes every child that has ended, then sees whether anything is left to keep. */
  reap: "keeper.reap",
  fail: "keeper.fail",
} as const;

/** Slots that live as long as the program. */
export const SLOT = {
  epoll: "epoll",
  signals: "signals",
  /** Rings when those that wait for room are looked at again. */
  timer: "room timer",
  /** The entry that is being served. */
  entry: "entry",
  /** Entries besides the listening socket and the signals: while there is one, there is something to keep. */
  uses: "uses",
  /** Its own pid. */
  self: "self",
} as const;

/** The limit of open files that the keeper was started with: what it starts gets it back. */
export const OLD_LIMIT: Cell = { cell: "limit before", size: 16 };
const REPLY: Cell = { cell: "answer", size: ANSWER_BYTES };

interface Watched {
  readonly fd: Word;
  readonly kind: number;
  readonly architecture: Architecture;
  /** Where it goes on when no more can be waited for. */
  readonly full: string;
  /** Slot that takes the entry's address. */
  readonly into?: string;
}

/** A new entry for a descriptor. */
export function watchFd(to: Emitter, watched: Watched): void {
  const { fd, kind, architecture, full, into = "watched" } = watched;
  const refused = to.label("refused");
  const done = to.label("watched");
  takePiece(to, ENTRY_POOL, { into, full });
  storeField(to, kind, { of: into, offset: ENTRY.kind, width: 4 });
  storeField(to, fd, { of: into, offset: ENTRY.fd, width: 4 });
  const data = result(into);
  const add = { epfd: result(SLOT.epoll), op: EPOLL_CTL_ADD, fd, events: EPOLLIN, data };
  to.call(epollCtl({ ...add, architecture }), { onError: refused });
  addTo(to, SLOT.uses, 1);
  goTo(to, done);
  place(to, refused);
  giveBack(to, ENTRY_POOL, into);
  goTo(to, full);
  place(to, done);
}

/** The entry that is being served is closed and given back. */
export function dropEntry(to: Emitter, options: KeeperOptions): void {
  unwatch(to, SLOT.entry, options);
  to.call(close({ fd: result("fd") }), { onError: "continue" });
}

/** Gives back the entry at the address in slot `entry`; the slot `fd` has its descriptor then. */
export function unwatch(to: Emitter, entry: string, { architecture }: KeeperOptions): void {
  loadField(to, "fd", { of: entry, offset: ENTRY.fd, width: 4 });
  // Whoever sent it may still have it open: closing alone would leave it in the set.
  const remove = { epfd: result(SLOT.epoll), op: EPOLL_CTL_DEL, fd: result("fd"), architecture };
  to.call(epollCtl(remove), { onError: "continue" });
  giveBack(to, ENTRY_POOL, entry);
  addTo(to, SLOT.uses, -1);
}

/** Sends an answer; a client that is gone can't read. */
export function reply(
  to: Emitter,
  fd: Word,
  answer: { readonly kind: number; readonly value: Word },
): void {
  to.add(
    { kind: "store", value: answer.kind, address: REPLY, width: 4 },
    { kind: "store", value: answer.value, address: { ...REPLY, offset: 4 }, width: 4 },
  );
  to.call(sendto({ sockfd: fd, buf: REPLY, flags: MSG_DONTWAIT | MSG_NOSIGNAL }), {
    onError: "continue",
  });
}

/**
 * Says to who has just been connected that it is there: from then on it is in use. A connection that the kernel made with a keeper that
 * was about to end has no greeting.
 */
export function greet(to: Emitter): void {
  reply(to, result("client"), { kind: ANSWER.ready, value: result(SLOT.self) });
}
