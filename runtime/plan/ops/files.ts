/**
 * Files that are copied in before the first command, and out after the last. The runner copies them: no record of the stage is about
 * one file. What the stage has is the moment: the container's first process hands its root over and waits.
 */
import {
  AT_EMPTY_PATH,
  AT_RECURSIVE,
  O_CLOEXEC,
  O_DIRECTORY,
  O_PATH,
} from "../../../ffi/abi/fcntl.ts";
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../../ffi/abi/mount.ts";
import { CMSGHDR, MSG_CMSG_CLOEXEC } from "../../../ffi/abi/socket.ts";
import type { Cell } from "../../../ffi/calls/call.ts";
import { read, write } from "../../../ffi/calls/io.ts";
import { recvmsg, rightsSpace, sendmsg } from "../../../ffi/calls/message.ts";
import { openTree } from "../../../ffi/calls/mount.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { fchmod, fchownat } from "../../../ffi/calls/path.ts";
import { showMode } from "../../../ffi/calls/show.ts";
import { type Emitter, result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { ANSWER, GIVE } from "../report.ts";

/** The container's first process gives its root to the runner, and goes on when that has copied what is to be there. */
export interface HandRoot extends OpCommon {
  readonly kind: "root.hand";
  /** End of a socket pair, which was handed over. */
  readonly fd: number;
  /**
   * True: a copy of all its mounts, which stays when the container's own are gone with its last process. What the container mounts
   * later by itself is not in it.
   */
  readonly lasting: boolean;
  /** The lock of the disk that keeps what it writes goes along: nobody else uses that while files are read from it. */
  readonly locked?: true;
  /** Ids inside: while it waits it gives them each file that the runner sends, who may not give one away by itself. */
  readonly gives?: { readonly uid: number; readonly gid: number };
}

/** A file or directory of the host, copied into the container. */
export interface Input extends OpCommon {
  readonly kind: "input";
  /** Absolute path of the host; no link is followed below `base`. */
  readonly from: string;
  readonly base: string;
  readonly to: string;
  /** `to` is the directory that it goes into. */
  readonly into: boolean;
  readonly mode?: number;
  /** No copy is younger, in seconds since 1970. */
  readonly latest?: number;
  /** Who it belongs to there: ids of the host. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** The runner may not give it away: the container's first process does (`gives` of `root.hand`). */
  readonly given?: true;
}

/** A file or directory of the container, copied to the host. */
export interface Output extends OpCommon {
  readonly kind: "output";
  readonly from: string;
  /** Absolute path of the host; no link is followed below `base`. */
  readonly to: string;
  readonly base: string;
  readonly into: boolean;
  readonly mode?: number;
  /** No copy is younger, in seconds since 1970. */
  readonly latest?: number;
  readonly when: "success" | "always";
}

/** What was copied. */
export interface CopyResult {
  /** Regular files. */
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  /** SHA-256 in hexadecimal: of the file's content; of a tree, of its sorted paths and the digests of its files. */
  readonly digest: string;
  /** Sockets and devices, which are not copied: paths below what was copied. */
  readonly skipped: readonly string[];
}

/** An output as it lies on the host. */
export interface Copied extends CopyResult {
  /** Path in the container. */
  readonly from: string;
  /** Absolute path of the host. */
  readonly to: string;
}

/** All that is copied, for who does it. */
export interface Copies {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
}

const ROOT = "handed root";
const WORD: Cell = { cell: "files answer", size: 8 };
const RIGHTS: Cell = { cell: "files rights", size: rightsSpace(1) };
const REPLY: Cell = { cell: "files reply", size: 8 };

export const handRoot: OpDefinition<HandRoot> = {
  describe(op) {
    const root = op.lasting ? `open_tree("/", OPEN_TREE_CLONE|AT_RECURSIVE)` : `open("/", O_PATH)`;
    const gives = op.gives === undefined
      ? ""
      : `, fchownat(inputs, ${op.gives.uid}, ${op.gives.gid})`;
    return `${root}, sendmsg(${op.fd}, SCM_RIGHTS)${gives}`;
  },
  lower(op, to) {
    const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
    to.call(
      op.lasting
        ? openTree({ pathname: "/", flags })
        : openat({ pathname: "/", flags: O_PATH | O_DIRECTORY | O_CLOEXEC }),
      { into: ROOT },
    );
    const fds = [result(ROOT), ...(op.locked === true ? [result("upper")] : [])];
    to.call(sendmsg({ sockfd: op.fd, buf: new Uint8Array([fds.length]), fds }));
    to.call(close({ fd: result(ROOT) }), { onError: "continue" });
    const go = to.label("go");
    if (op.gives === undefined) {
      to.call(read({ fd: op.fd, buf: WORD, count: 8 }), { into: "count" });
    } else giveAway(to, { fd: op.fd, ...op.gives });
    // A runner that is gone, or could not copy, ends the container: it knows why.
    to.add(
      { kind: "load", into: "answer", address: WORD, width: 4 },
      { kind: "branch", when: "equal", left: result("answer"), right: ANSWER.done, to: go },
      { kind: "jump", to: "container.end" },
      { kind: "label", name: go },
    );
    to.call(close({ fd: op.fd }), { onError: "continue" });
  },
};

/** Until another word than GIVE comes: each file gets its owner, and then the bits that the kernel takes away with that. */
function giveAway(
  to: Emitter,
  { fd, uid, gid }: { readonly fd: number; readonly uid: number; readonly gid: number },
): void {
  const [take, give, failed, reply, done] = ["take", "give", "failed", "reply", "done"]
    .map((name) => to.label(name)) as [string, string, string, string, string];
  to.add({ kind: "label", name: take });
  to.call(recvmsg({ sockfd: fd, buf: WORD, control: RIGHTS, flags: MSG_CMSG_CLOEXEC }), {
    into: "count",
  });
  to.add(
    // The end of the stream leaves what came before.
    { kind: "branch", when: "less", left: result("count"), right: WORD.size, to: "container.end" },
    { kind: "load", into: "answer", address: WORD, width: 4 },
    { kind: "branch", when: "equal", left: result("answer"), right: GIVE, to: give },
    { kind: "jump", to: done },
    { kind: "label", name: give },
    { kind: "load", into: "given", address: { ...RIGHTS, offset: CMSGHDR.size }, width: 4 },
    { kind: "load", into: "mode", address: { ...WORD, offset: 4 }, width: 4 },
  );
  const given = result("given");
  const flags = AT_EMPTY_PATH;
  to.call(fchownat({ dirfd: given, pathname: "", owner: uid, group: gid, flags }), {
    onError: failed,
  });
  to.add(
    { kind: "store", value: 0, address: REPLY, width: 8 },
    { kind: "branch", when: "equal", left: result("mode"), right: 0, to: reply },
  );
  to.call(fchmod({ fd: given, mode: result("mode") }), { onError: failed });
  to.add(
    { kind: "jump", to: reply },
    { kind: "label", name: failed },
    { kind: "store", value: result("error.errno"), address: REPLY, width: 8 },
    { kind: "label", name: reply },
  );
  to.call(close({ fd: given }), { onError: "continue" });
  to.call(write({ fd, buf: REPLY, count: REPLY.size }));
  to.add({ kind: "jump", to: take }, { kind: "label", name: done });
}

/** `, 0644, times <= 315532800`. */
const changesOf = ({ mode, latest }: Input | Output): string =>
  (mode === undefined ? "" : `, ${showMode(mode)}`) +
  (latest === undefined ? "" : `, times <= ${latest}`);
const slash = (into: boolean): string => into ? "/" : "";

export const input: OpDefinition<Input> = {
  describe: (op) =>
    `copy(${quote(op.from)}, ${quote(`container:${op.to}${slash(op.into)}`)}${changesOf(op)}, ` +
    `${op.owner.uid}:${op.owner.gid})`,
  lower() {},
};

export const output: OpDefinition<Output> = {
  describe: (op) =>
    `copy(${quote(`container:${op.from}`)}, ${quote(`${op.to}${slash(op.into)}`)}${
      changesOf(op)
    }) ` +
    (op.when === "always" ? "however it ends" : "when it exits 0"),
  lower() {},
};
