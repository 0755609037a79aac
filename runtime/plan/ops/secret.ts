/**
 * Secrets: the runner hands each over as an open file; the container's first process copies it into a tmpfs that nothing but
 * binds of single files leads to. No record, no plan and no image ever holds one.
 */
import {
  AT_EMPTY_PATH,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/abi/fcntl.ts";
import { OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../../ffi/abi/mount.ts";
import { sendfile } from "../../../ffi/calls/io.ts";
import { mountSetattr, openTree } from "../../../ffi/calls/mount.ts";
import { close, openat } from "../../../ffi/calls/open.ts";
import { fchmod, fchown } from "../../../ffi/calls/path.ts";
import { showMode } from "../../../ffi/calls/show.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";
import { quote } from "../quote.ts";
import { attachAsRoot, attachToTarget, attributeBits, newFilesystem } from "./mount.ts";
import { openTarget, refuseKernelFiles } from "./volume.ts";

/** The tmpfs of all secrets, over the host's root, which is about to go: no path of the container leads to it. */
export interface SecretRoom extends OpCommon {
  readonly kind: "secret.room";
  readonly sizeBytes: number;
}

/** One secret. */
export interface Secret extends OpCommon {
  readonly kind: "secret";
  /** Descriptor that the runner handed over. */
  readonly fd: number;
  readonly at: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const ROOM = "secrets";
/** As much as one sendfile(2) moves. */
const ALL_BYTES = 0x7ffff000;

export const secretRoom: OpDefinition<SecretRoom> = {
  describe: (op) => `fsmount("tmpfs", "mode=0700,size=${op.sizeBytes}")`,
  lower(op, to) {
    newFilesystem(to, {
      fs: "tmpfs",
      options: [["mode", "0700"], ["size", `${op.sizeBytes}`]],
      attributes: ["nosuid", "nodev", "noexec"],
    }, ROOM);
    attachAsRoot(to, ROOM);
  },
};

export const secret: OpDefinition<Secret> = {
  describe: (op) => `secret(${quote(op.at)}, ${showMode(op.mode)}, ${op.uid}:${op.gid})`,
  lower(op, to) {
    const more = to.label("more");
    const name = `${op.fd}`;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    to.call(openat({ dirfd: result(ROOM), pathname: name, flags, mode: 0 }), { into: "file" });
    const file = result("file");
    to.add({ kind: "label", name: more });
    to.call(sendfile({ outFd: file, inFd: op.fd, count: ALL_BYTES }), { into: "count" });
    to.add({ kind: "branch", when: "less", left: 0, right: result("count"), to: more });
    to.call(fchown({ fd: file, owner: op.uid, group: op.gid }));
    to.call(fchmod({ fd: file, mode: op.mode }));
    to.call(close({ fd: file }), { onError: "continue" });
    to.call(close({ fd: op.fd }), { onError: "continue" });
    const tree = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    to.call(openTree({ dirfd: result(ROOM), pathname: name, flags: tree }), { into: "tree" });
    to.call(mountSetattr({
      dirfd: result("tree"),
      pathname: "",
      flags: AT_EMPTY_PATH,
      attrSet: attributeBits(["ro"]),
    }));
    openTarget(to, op.at, "file");
    refuseKernelFiles(to);
    attachToTarget(to, "tree");
  },
};
