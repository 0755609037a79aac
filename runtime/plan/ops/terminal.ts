/**
 * A terminal of the container's own: a pseudo terminal of its devpts, whose other end the stage has. The host's terminal is never
 * open inside, so nothing there can push keys into it (security case D9).
 */
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_CREAT,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
} from "../../../ffi/abi/fcntl.ts";
import {
  TCGETS,
  TCSETS,
  TIOCGPTPEER,
  TIOCGWINSZ,
  TIOCSPTLCK,
  TIOCSWINSZ,
} from "../../../ffi/abi/ioctl.ts";
import {
  MOVE_MOUNT_F_EMPTY_PATH,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../../ffi/abi/mount.ts";
import { RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS } from "../../../ffi/abi/openat2.ts";
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_SEQPACKET } from "../../../ffi/abi/socket.ts";
import { IUTF8, TERMIOS, VMIN, VTIME, WINSIZE } from "../../../ffi/abi/termbits.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { setfsuid } from "../../../ffi/calls/credentials.ts";
import { ioctl } from "../../../ffi/calls/ioctl.ts";
import { moveMount, openTree } from "../../../ffi/calls/mount.ts";
import { close, dup3, openat, openat2 } from "../../../ffi/calls/open.ts";
import { fchown } from "../../../ffi/calls/path.ts";
import { sendmsg, socketpair } from "../../../ffi/calls/socket.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import type { TerminalSize } from "../report.ts";
import { heldSlot } from "./root.ts";

/** The pair of sockets that the terminal's other end comes over, and how large it shall be. */
export interface PairTerminal extends OpCommon {
  readonly kind: "terminal.pair";
  /** Absent: as large as the one that the stage's standard streams are, else 80 columns of 24 rows. */
  readonly size?: TerminalSize;
}

/** The caller's terminal gives every key as it is: `^C` is the container's to understand. */
export interface RawTerminal extends OpCommon {
  readonly kind: "terminal.raw";
}

/** The caller's terminal is as it was. */
export interface RestoreTerminal extends OpCommon {
  readonly kind: "terminal.restore";
}

/** Opens a pseudo terminal of the container's devpts: it becomes the standard streams, and its other end is sent to the stage. */
export interface MakeTerminal extends OpCommon {
  readonly kind: "terminal.make";
  /** Owner of the terminal: the user of the commands. */
  readonly uid: number;
  /** It is the container's console too. */
  readonly console: boolean;
  /** Whoever makes it comes from outside, and is nobody in the container yet. */
  readonly joins?: true;
}

/** What a terminal has that nobody gave a size: that of a VT100. */
export const DEFAULT_SIZE: TerminalSize = { columns: 80, rows: 24 };

/** Slots of the two sockets. */
export const PAIR = { stage: "terminal here", container: "terminal there" } as const;
/** Slot of the caller's descriptor that is a terminal and says the size; -1: there is none. */
export const SIZED_BY = "sized by";
/** Slot: 1 while the caller's terminal is raw. */
export const RAW = "raw";

const PAIR_CELL: Cell = { cell: "terminal pair", size: 8 };
export const SIZE_CELL: Cell = { cell: "terminal size", size: WINSIZE.size };
const PROBE_CELL: Cell = { cell: "terminal size of the caller", size: WINSIZE.size };
const SAVED: Cell = { cell: "terminal settings", size: TERMIOS.size };
const CHANGED: Cell = { cell: "terminal settings raw", size: TERMIOS.size };
const UNLOCKED: Cell = { cell: "terminal lock", size: 4 };

const sizeWord = ({ columns, rows }: TerminalSize): number => rows + columns * 0x10000;

/** The flags of the end that commands have: nobody gets a controlling terminal by opening it. */
export const PEER_FLAGS: number = O_RDWR | O_NOCTTY | O_CLOEXEC;

export const pairTerminal: OpDefinition<PairTerminal> = {
  describe: (op) =>
    op.size === undefined
      ? "socketpair(AF_UNIX), ioctl(0, TIOCGWINSZ)"
      : `socketpair(AF_UNIX) for ${op.size.columns}×${op.size.rows}`,
  lower(op, to) {
    to.call(socketpair({
      domain: AF_UNIX,
      type: SOCK_SEQPACKET | SOCK_CLOEXEC,
      protocol: 0,
      sv: PAIR_CELL,
    }));
    to.add(
      { kind: "load", into: PAIR.stage, address: PAIR_CELL, width: 4 },
      { kind: "load", into: PAIR.container, address: { ...PAIR_CELL, offset: 4 }, width: 4 },
      {
        kind: "store",
        value: sizeWord(op.size ?? DEFAULT_SIZE),
        address: SIZE_CELL,
        width: 4,
      },
      { kind: "add", into: SIZED_BY, left: -1, right: 0 },
      { kind: "add", into: RAW, left: 0, right: 0 },
    );
    if (op.size === undefined) askSize(to);
  },
};

/** The first of the standard streams that is a terminal and has a size. */
function askSize(to: Emitter): void {
  const done = to.label("sized");
  for (const fd of [0, 1, 2]) {
    const next = to.label("next");
    to.call(ioctl({ fd, request: TIOCGWINSZ, arg: PROBE_CELL }), { onError: next });
    to.add(
      { kind: "load", into: "size", address: PROBE_CELL, width: 8 },
      { kind: "branch", when: "equal", left: result("size"), right: 0, to: next },
      { kind: "store", value: result("size"), address: SIZE_CELL, width: 8 },
      { kind: "add", into: SIZED_BY, left: fd, right: 0 },
      { kind: "jump", to: done },
      { kind: "label", name: next },
    );
  }
  to.add({ kind: "label", name: done });
}

export const rawTerminal: OpDefinition<RawTerminal> = {
  describe: () => "ioctl(0, TCSETS, {c_lflag=0, …})",
  lower(_op, to) {
    const none = to.label("no terminal");
    to.call(ioctl({ fd: 0, request: TCGETS, arg: SAVED }), { onError: none });
    const { c_iflag, c_oflag, c_cflag, c_lflag, c_line, c_cc } = TERMIOS.fields;
    const set = (offset: number, value: number, width: 1 | 4): void =>
      to.add({ kind: "store", value, address: { ...CHANGED, offset }, width });
    // Speed and bits per character stay, and with them the characters that mean something in cooked mode.
    for (const [offset, width] of [[c_cflag.offset, 4], [c_line.offset, 8], [24, 8], [32, 4]]) {
      copyWord(to, offset as number, width as 4 | 8);
    }
    set(c_iflag.offset, IUTF8, 4);
    set(c_oflag.offset, 0, 4);
    set(c_lflag.offset, 0, 4);
    set(c_cc.offset + VMIN, 1, 1);
    set(c_cc.offset + VTIME, 0, 1);
    to.call(ioctl({ fd: 0, request: TCSETS, arg: CHANGED }), { onError: none });
    to.add({ kind: "add", into: RAW, left: 1, right: 0 }, { kind: "label", name: none });
  },
  undo: (
    op,
  ) => [{ kind: "terminal.restore", id: `${op.id}/undo`, where: "stage", origin: op.origin }],
};

function copyWord(to: Emitter, offset: number, width: 4 | 8): void {
  to.add(
    { kind: "load", into: "word", address: { ...SAVED, offset }, width },
    { kind: "store", value: result("word"), address: { ...CHANGED, offset }, width },
  );
}

export const restoreTerminal: OpDefinition<RestoreTerminal> = {
  describe: () => "ioctl(0, TCSETS, as before)",
  lower(_op, to) {
    // In the runner, which saved nothing here, the slot is 0: it has its own way to restore.
    const none = to.label("not raw");
    to.add({ kind: "branch", when: "equal", left: result(RAW), right: 0, to: none });
    // A terminal that is gone has no settings.
    to.call(ioctl({ fd: 0, request: TCSETS, arg: SAVED }), { onError: "continue" });
    to.add({ kind: "label", name: none });
  },
};

export const makeTerminal: OpDefinition<MakeTerminal> = {
  describe: (op) =>
    `open("/dev/pts/ptmx", O_RDWR|O_NOCTTY), ioctl(TIOCGPTPEER) = 0, 1, 2${
      op.console ? `, mount("/dev/pts/0", "/dev/console", NULL, MS_BIND)` : ""
    }`,
  lower(op, to) {
    if (op.joins === true) to.call(setfsuid({ fsuid: op.uid }), { into: "fsuid" });
    to.call(
      openat2({
        ...(op.below === undefined
          ? { pathname: "/dev/pts/ptmx" }
          : { dirfd: result(heldSlot(op.below)), pathname: "pts/ptmx" }),
        // Whatever else a container may have put there does not know the requests below.
        flags: O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
        resolve: RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
      }),
      { into: "master" },
    );
    if (op.joins === true) to.call(setfsuid({ fsuid: result("fsuid") }));
    to.call(ioctl({ fd: result("master"), request: TIOCSPTLCK, arg: UNLOCKED }));
    to.call(ioctl({ fd: result("master"), request: TIOCSWINSZ, arg: SIZE_CELL }));
    // By the other end, not by its path, which could be exchanged (security case B2).
    to.call(ioctl({ fd: result("master"), request: TIOCGPTPEER, arg: PEER_FLAGS }), {
      into: "slave",
    });
    if (op.joins !== true && op.uid !== 0) {
      to.call(fchown({ fd: result("slave"), owner: op.uid, group: -1 }));
    }
    if (op.console) bindConsole(to);
    to.call(sendmsg({
      sockfd: result(PAIR.container),
      buf: Uint8Array.of(1),
      fds: [result("master")],
      flags: MSG_NOSIGNAL,
    }));
    for (const name of ["master", PAIR.container, PAIR.stage]) {
      to.call(close({ fd: result(name) }), { onError: "continue" });
    }
    for (const newfd of [0, 1, 2]) to.call(dup3({ oldfd: result("slave"), newfd }));
    to.call(close({ fd: result("slave") }), { onError: "continue" });
  },
};

/** Where programs write that have no terminal: the new /dev has none. */
function bindConsole(to: Emitter): void {
  const dev = result(heldSlot("/dev"));
  const flags = O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  to.call(openat({ dirfd: dev, pathname: "console", flags, mode: 0o600 }), { into: "file" });
  to.call(close({ fd: result("file") }), { onError: "continue" });
  to.call(
    openTree({
      dirfd: result("slave"),
      pathname: "",
      flags: OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH,
    }),
    { into: "tree" },
  );
  to.call(moveMount({
    fromDirfd: result("tree"),
    fromPathname: "",
    toDirfd: dev,
    toPathname: "console",
    flags: MOVE_MOUNT_F_EMPTY_PATH,
  }));
  to.call(close({ fd: result("tree") }), { onError: "continue" });
}
