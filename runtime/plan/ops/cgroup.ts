/**
 * Control groups: a directory per hierarchy, its knobs, and how a process enters.
 * Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/cgroups.rst.
 */
import { EBUSY, EEXIST, EINTR, ENOENT, EOPNOTSUPP } from "../../../ffi/abi/errno.ts";
import {
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
  O_WRONLY,
} from "../../../ffi/abi/fcntl.ts";
import { write } from "../../../ffi/calls/io.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { mkdirat, unlinkat } from "../../../ffi/calls/path.ts";
import { ppoll } from "../../../ffi/calls/poll.ts";
import { branchOnErrno, type Emitter, FAIL, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { askRunner } from "./ask.ts";
import { readBack } from "./read_back.ts";

/** A directory above the container's own group, made when missing; others may use it at the same time. */
export interface GroupParent {
  readonly path: string;
  /** v2: controllers switched on for its children. */
  readonly enable: readonly string[];
  /** Those of `enable` that were off before: switched off again when nobody needs them. */
  readonly disable: readonly string[];
  /** False for the hierarchy's root, which is never made nor removed. */
  readonly removable: boolean;
  /** Files in it that must hold something before a group below can be used: name, text. */
  readonly writes?: readonly (readonly [string, string])[];
}

export interface MakeGroup extends OpCommon {
  readonly kind: "cgroup.make";
  readonly path: string;
  /** Outermost first. */
  readonly parents: readonly GroupParent[];
}

export interface RemoveGroup extends OpCommon {
  readonly kind: "cgroup.remove";
  readonly path: string;
  readonly parents: readonly GroupParent[];
}

export interface WriteKnob extends OpCommon {
  readonly kind: "cgroup.write";
  readonly path: string;
  readonly value: string;
  /** What the file must hold afterwards, without its newline; the kernel rounds some values. Absent: it is not read. */
  readonly holds?: string;
  /** `holds` is one of several lines. */
  readonly line?: true;
  /** The file that is read, where it is another one. */
  readonly shownBy?: string;
  /** On a kernel, or a disk, for which there is no such file. */
  readonly instead?: Pick<WriteKnob, "path" | "value" | "holds" | "line">;
  /** In a group that is in use: the value that is written to take it back. */
  readonly before?: string;
}

/**
 * Opens the way into a group: its directory (v2, for clone3) or its `tasks` (v1).
 *
 * A process of one thread may move itself by writing "0" there, and the kernel then takes no lock over all threads of the
 * machine (cgroup_procs_write_start(), since 5.4). The same by `cgroup.procs` first waits for an RCU grace period, 5 to 15 ms.
 */
export interface OpenGroup extends OpCommon {
  readonly kind: "cgroup.open";
  readonly path: string;
  readonly as: "directory" | "tasks";
  /** Slot that takes the descriptor. */
  readonly fd: string;
}

/** The runner and whatever else is in the group `from` go into `to`, so that `from` can hand its controllers down. */
export interface MakeRoom extends OpCommon {
  readonly kind: "cgroup.room";
  readonly from: string;
  readonly to: string;
  /** Place in the plan's list of what the runner is asked for. */
  readonly index: number;
}

export interface JoinGroup extends OpCommon {
  readonly kind: "cgroup.join";
  readonly path: string;
  readonly fd: string;
}

/** Opens `path`, writes `text` and closes it; the slot `<label>.fd` holds the descriptor meanwhile. */
export function writeFile(
  to: Emitter,
  file: { path: string; text: string; onError?: string },
): void {
  const onError = file.onError === undefined ? {} : { onError: file.onError };
  to.call(openat({ pathname: file.path, flags: O_WRONLY | O_CLOEXEC }), { into: "fd", ...onError });
  to.call(write({ fd: result("fd"), buf: file.text }), onError);
  to.call(close({ fd: result("fd") }), { onError: "continue" });
}

export const makeGroup: OpDefinition<MakeGroup> = {
  describe: (op) => `mkdir(${quote(op.path)})`,
  // Another run may remove a shared parent between two of our mkdirs: then ENOENT starts the row again.
  lower(op, to) {
    const again = to.label("again");
    const retry = to.label("retry");
    const giveUp = to.label("give up");
    to.add({ kind: "label", name: again });
    // What the first of them would be made in is never made: where it is missing, it will be missing again.
    let otherwise = giveUp;
    for (const parent of op.parents) {
      if (parent.removable) {
        mkdirUnlessThere(parent.path, to, { otherwise });
        otherwise = retry;
      }
      for (const [file, text] of parent.writes ?? []) {
        writeFile(to, { path: `${parent.path}/${file}`, text, onError: retry });
      }
      if (parent.enable.length === 0) continue;
      const text = parent.enable.map((name) => `+${name}`).join(" ");
      // The hierarchy's root is never made: where it is missing, it will be missing again.
      const onError = parent.removable ? retry : giveUp;
      writeFile(to, { path: `${parent.path}/cgroup.subtree_control`, text, onError });
    }
    const made = to.label("made");
    to.call(mkdirat({ pathname: op.path, mode: 0o755 }), { onError: retry });
    to.add(
      { kind: "jump", to: made },
      { kind: "label", name: retry },
      ...branchOnErrno([ENOENT], { to: again, otherwise: giveUp }),
      { kind: "label", name: giveUp },
    );
    // Not by `undo`: the group of that name may be another's. What these calls say leaves the first error as it is.
    for (const parent of [...op.parents].reverse()) removeParent(parent, to);
    to.add({ kind: "jump", to: FAIL.stage }, { kind: "label", name: made });
  },
  undo: (op) => [{
    kind: "cgroup.remove",
    id: `${op.id}/undo`,
    where: "stage",
    origin: op.origin,
    path: op.path,
    parents: op.parents,
  }],
};

/** mkdir on the host's side; a directory that is there already is fine. */
export function mkdirUnlessThere(
  pathname: string,
  to: Emitter,
  options: { readonly mode?: number; readonly otherwise?: string } = {},
): void {
  const { mode = 0o755, otherwise = FAIL.stage } = options;
  const failed = to.label("mkdir");
  const there = to.label("there");
  to.call(mkdirat({ pathname, mode }), { onError: failed });
  to.add(
    { kind: "jump", to: there },
    { kind: "label", name: failed },
    ...branchOnErrno([EEXIST], { to: there, otherwise }),
    { kind: "label", name: there },
  );
}

/** A group whose last task has just died may be busy for a moment: tried for two seconds. */
const REMOVE_TRIES = 2000;

export const removeGroup: OpDefinition<RemoveGroup> = {
  describe: (op) => `rmdir(${quote(op.path)})`,
  lower(op, to) {
    const again = to.label("again");
    const busy = to.label("busy");
    const done = to.label("done");
    to.add(
      { kind: "add", into: "tries", left: 0, right: 0 },
      { kind: "label", name: again },
    );
    to.call(unlinkat({ pathname: op.path, flags: AT_REMOVEDIR }), { onError: busy });
    to.add({ kind: "jump", to: done }, { kind: "label", name: busy });
    to.add(
      { kind: "branch", when: "equal", left: result("error.errno"), right: ENOENT, to: done },
      { kind: "add", into: "tries", left: result("tries"), right: 1 },
      { kind: "branch", when: "less", left: REMOVE_TRIES, right: result("tries"), to: FAIL.stage },
    );
    to.call(ppoll({ timeout: { sec: 0, nsec: 1_000_000 } }), { onError: "continue" });
    to.add(
      ...branchOnErrno([EBUSY, EINTR], { to: again, otherwise: FAIL.stage }),
      { kind: "label", name: done },
    );
    for (const parent of [...op.parents].reverse()) removeParent(parent, to);
  },
};

/** A parent that others use stays: ENOTEMPTY and EBUSY are what says so. */
function removeParent(parent: GroupParent, to: Emitter): void {
  if (parent.removable) {
    to.call(unlinkat({ pathname: parent.path, flags: AT_REMOVEDIR }), { onError: "continue" });
  }
  if (parent.disable.length === 0) return;
  const text = parent.disable.map((name) => `-${name}`).join(" ");
  writeFile(to, {
    path: `${parent.path}/cgroup.subtree_control`,
    text,
    onError: "continue",
  });
}

export const writeKnob: OpDefinition<WriteKnob> = {
  describe: (op) => `write(${quote(op.path)}, ${quote(op.value)})`,
  lower(op, to) {
    if (op.instead === undefined) return writeAndReadBack(op, to, FAIL.stage);
    const other = to.label("other");
    const written = to.label("written");
    const absent = to.label("absent");
    writeAndReadBack(op, to, other);
    to.add(
      { kind: "jump", to: written },
      { kind: "label", name: other },
      ...branchOnErrno([ENOENT, EOPNOTSUPP], { to: absent, otherwise: FAIL.stage }),
      { kind: "label", name: absent },
    );
    writeAndReadBack(op.instead, to, FAIL.stage);
    to.add({ kind: "label", name: written });
  },
  // Of a group that the plan makes nothing is taken back but the group.
  undo: ({ before, id, where, origin, path, instead }) =>
    before === undefined ? [] : [{
      kind: "cgroup.write",
      id: `${id}/undo`,
      where,
      origin,
      path,
      value: before,
      ...(instead === undefined ? {} : { instead: { path: instead.path, value: before } }),
    }],
};

/** Read back: a limit that the kernel took but does not hold is an error (design rule 8). */
function writeAndReadBack(
  op: Pick<WriteKnob, "path" | "value" | "holds" | "line" | "shownBy">,
  to: Emitter,
  onError: string,
): void {
  writeFile(to, { path: op.path, text: op.value, onError });
  if (op.holds === undefined) return;
  readBack(to, { path: op.shownBy ?? op.path, holds: op.holds, line: op.line === true });
}

export const openGroup: OpDefinition<OpenGroup> = {
  describe: (op) =>
    op.as === "directory"
      ? `open(${quote(op.path)}, O_RDONLY|O_DIRECTORY)`
      : `open(${quote(`${op.path}/tasks`)}, O_WRONLY)`,
  lower(op, to) {
    const directory = op.as === "directory";
    const pathname = directory ? op.path : `${op.path}/tasks`;
    const flags = directory ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CLOEXEC;
    to.call(openat({ pathname, flags }), { into: op.fd });
  },
};

export const makeRoom: OpDefinition<MakeRoom> = {
  describe: (op) => `write("${op.to}/cgroup.procs", all of ${quote(`${op.from}/cgroup.procs`)})`,
  lower(op, to) {
    mkdirUnlessThere(op.to, to);
    askRunner(to, op.index, 0);
  },
};

export const joinGroup: OpDefinition<JoinGroup> = {
  describe: (op) => `write(${quote(`${op.path}/tasks`)}, "0")`,
  lower(op, to) {
    to.call(write({ fd: result(op.fd), buf: "0" }));
    to.call(close({ fd: result(op.fd) }), { onError: "continue" });
  },
};
