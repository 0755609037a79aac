/** Groups that are frozen and let go. Source: cgroup-v2.rst (cgroup.freeze), cgroup-v1/freezer-subsystem.rst. */
import { EEXIST, ESRCH } from "../../ffi/abi/errno.ts";
import { AT_REMOVEDIR, O_CLOEXEC, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { write } from "../../ffi/calls/io.ts";
import { openat } from "../../ffi/calls/open.ts";
import { mkdirat, unlinkat } from "../../ffi/calls/path.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync, check, SyscallError } from "../../ffi/linux/run.ts";
import type { Frozen } from "../state/record.ts";

/** Tells the kernel; that it is done is seen later (runtime/observe/frozen.ts). A group that is gone needs no telling. Throws SyscallError. */
export function setFrozen({ path, version }: Frozen, frozen: boolean): void {
  const [file, text] = version === 2
    ? ["cgroup.freeze", frozen ? "1" : "0"] as const
    : ["freezer.state", frozen ? "FROZEN" : "THAWED"] as const;
  if (!frozen && readFile(`${path}/${file}`) === undefined) return;
  using fd = Fd.open(openat({ pathname: `${path}/${file}`, flags: O_WRONLY | O_CLOEXEC }));
  check(write({ fd: fd.number, buf: text }));
}

/** Makes a group and what is missing above it, below `top`. Throws SyscallError. */
export function makeGroups(top: string, path: string): void {
  let at = top;
  for (const name of path.slice(top.length + 1).split("/")) {
    at = `${at}/${name}`;
    const call = mkdirat({ pathname: at, mode: 0o755 });
    const result = Number(callSync(call));
    if (result < 0 && result !== -EEXIST) throw new SyscallError(call, -result);
  }
}

/** Removes what `makeGroups` made; what others use stays: EBUSY and ENOTEMPTY say so. */
export function removeGroups(top: string, path: string): void {
  for (let at = path; at.length > top.length; at = at.slice(0, at.lastIndexOf("/"))) {
    if (Number(callSync(unlinkat({ pathname: at, flags: AT_REMOVEDIR }))) < 0) return;
  }
}

/** Into the group whose `cgroup.procs` is open; one that has ended meanwhile goes nowhere. Throws SyscallError. */
export function moveProcess(procs: Fd, pid: string): void {
  const call = write({ fd: procs.number, buf: pid });
  const result = Number(callSync(call));
  if (result < 0 && result !== -ESRCH) throw new SyscallError(call, -result);
}

/** How often those that were made meanwhile are looked for. */
const ROUNDS = 100;

/** All processes of the group `members`, of whatever hierarchy, go into `to`. False: they are made faster than they are moved. */
export function gather(members: string, to: string): boolean {
  using target = Fd.open(openat({ pathname: `${to}/cgroup.procs`, flags: O_WRONLY | O_CLOEXEC }));
  const list = (group: string): readonly string[] =>
    (readFile(`${group}/cgroup.procs`) ?? "").split("\n").filter((pid) => pid !== "");
  for (let round = 0; round < ROUNDS; round++) {
    const there = new Set(list(to));
    const missing = list(members).filter((pid) => !there.has(pid));
    if (missing.length === 0) return true;
    for (const pid of missing) moveProcess(target, pid);
  }
  return false;
}
