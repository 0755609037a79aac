/** The ids of a user namespace: who maps them, how the container waits for it, and ranges that are nobody else's. */
import {
  F_OFD_SETLK,
  F_WRLCK,
  FLOCK,
  O_CLOEXEC,
  O_CREAT,
  O_NOFOLLOW,
  O_RDWR,
} from "../../../ffi/abi/fcntl.ts";
import { setgroups, setresgid, setresuid } from "../../../ffi/calls/credentials.ts";
import { read, write } from "../../../ffi/calls/io.ts";
import { close, fcntl, openat, pipe2 } from "../../../ffi/calls/open.ts";
import { struct } from "../../../ffi/calls/record.ts";
import type { IdMap } from "../../../spec/model/desired.ts";
import { type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { type AskMaps, askRunner } from "./ask.ts";
import { mkdirUnlessThere } from "./cgroup.ts";

/** A range of ids is taken for as long as the stage lives: a lock on one byte of a file, which the kernel gives back. */
export interface ClaimIds extends OpCommon {
  readonly kind: "ids.claim";
  /** The file of locks, in a directory that is made when missing. */
  readonly path: string;
  /** First id of the range, and the byte that stands for it. */
  readonly first: number;
}

/** The runner maps the ids of the container's first process, which waits for it. */
export interface AskIdMap extends OpCommon {
  readonly kind: "idmap.ask";
  /** Place in the plan's list of what the runner is asked for. */
  readonly index: number;
  readonly ask: AskMaps;
}

/** The container's first process waits until its ids are mapped, and becomes one of them. */
export interface PassGate extends OpCommon {
  readonly kind: "idmap.gate";
  /** False in a namespace of others, whose ids are mapped already. */
  readonly waits: boolean;
  /** Absent: the id that it has is mapped already. */
  readonly become?: { readonly uid: number; readonly gid: number };
  /** Takes the groups of the runner's user away, where setgroups(2) is allowed. */
  readonly dropGroups: boolean;
}

/** Slots of the pipe between the stage and the process that waits for its ids. */
const GATE = { wait: "gate wait", open: "gate open" } as const;
const GATE_PAIR = { cell: "gate", size: 8 } as const;
const BYTE = { cell: "gate byte", size: 8 } as const;

/** Before clone3: the pipe. A stage that dies closes it, and the process behind it ends. */
export function makeGate(to: Emitter): void {
  to.call(pipe2({ pipefd: GATE_PAIR, flags: O_CLOEXEC }));
  to.add(
    { kind: "load", into: GATE.wait, address: GATE_PAIR, width: 4 },
    { kind: "load", into: GATE.open, address: { ...GATE_PAIR, offset: 4 }, width: 4 },
  );
}

function openGate(to: Emitter): void {
  to.call(close({ fd: result(GATE.wait) }), { onError: "continue" });
  to.call(write({ fd: result(GATE.open), buf: BYTE, count: 1 }));
  to.call(close({ fd: result(GATE.open) }), { onError: "continue" });
}

/** Waits at the gate; goes to `gone` when the stage is. */
function waitAtGate(to: Emitter, gone: string, onError = gone): void {
  const passed = to.label("passed");
  to.call(read({ fd: result(GATE.wait), buf: BYTE, count: 1 }), { into: "count", onError });
  to.add(
    { kind: "branch", when: "equal", left: result("count"), right: 1, to: passed },
    { kind: "jump", to: gone },
    { kind: "label", name: passed },
  );
}

const showMaps = (maps: readonly IdMap[], separator: string): string =>
  maps.map(({ inside, outside, count }) => `${inside} ${outside} ${count}`).join(separator);

function describeMaps({ uids, gids, helpers }: AskMaps, process: string): string {
  if (helpers === undefined) {
    return `write("/proc/${process}/uid_map", ${quote(showMaps(uids, "\\n"))}), gid_map ${
      quote(showMaps(gids, "\\n"))
    }`;
  }
  return `${helpers.newuidmap} ${process} ${showMaps(uids, " ")}, newgidmap ${showMaps(gids, " ")}`;
}

export const claimIds: OpDefinition<ClaimIds> = {
  describe: (op) => `fcntl(${quote(op.path)}, F_OFD_SETLK, {l_start=${op.first}, l_len=1})`,
  lower(op, to) {
    mkdirUnlessThere(op.path.slice(0, op.path.lastIndexOf("/")), to, { mode: 0o700 });
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ pathname: op.path, flags, mode: 0o600 }), { into: "claim" });
    const lock = struct(FLOCK, { l_type: F_WRLCK, l_start: op.first, l_len: 1 });
    to.call(fcntl({ fd: result("claim"), cmd: F_OFD_SETLK, arg: lock }));
  },
};

export const askIdMap: OpDefinition<AskIdMap> = {
  describe: (op) => describeMaps(op.ask, "CHILD"),
  lower(op, to) {
    askRunner(to, op.index, result("child"));
    openGate(to);
  },
};

export const passGate: OpDefinition<PassGate> = {
  describe(op) {
    const wait = op.waits ? ["read(until the ids are mapped)"] : [];
    const become = op.become === undefined
      ? []
      : [`setresgid(${op.become.gid})`, `setresuid(${op.become.uid})`];
    return [...wait, ...become].join(", ");
  },
  lower(op, to) {
    if (op.waits) passWaiting(to);
    if (op.dropGroups) to.call(setgroups({ list: [] }));
    if (op.become === undefined) return;
    const { uid, gid } = op.become;
    to.call(setresgid({ rgid: gid, egid: gid, sgid: gid }));
    to.call(setresuid({ ruid: uid, euid: uid, suid: uid }));
  },
};

function passWaiting(to: Emitter): void {
  // Its own copy of the writing end would keep it waiting for ever.
  to.call(close({ fd: result(GATE.open) }));
  waitAtGate(to, "container.end", FAIL.container);
  to.call(close({ fd: result(GATE.wait) }), { onError: "continue" });
}
