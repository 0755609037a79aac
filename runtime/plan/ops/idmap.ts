/**
 * A user namespace that no process lives in: the map of an id-mapped mount. mount_setattr(2), user_namespaces(7).
 *
 * A child makes the namespace and stops; the stage, which may map any id, writes the maps through the child's own directory
 * of /proc, which the child left in the table of descriptors that both share: no pid becomes text.
 */
import { O_CLOEXEC, O_DIRECTORY, O_PATH, O_RDONLY, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { PR_SET_PDEATHSIG } from "../../../ffi/abi/prctl.ts";
import { CLONE_FILES, CLONE_NEWUSER } from "../../../ffi/abi/sched.ts";
import { CLD_STOPPED, SIGCHLD, SIGKILL, SIGSTOP } from "../../../ffi/abi/signal.ts";
import { P_PID, WEXITED, WSTOPPED } from "../../../ffi/abi/wait.ts";
import { write } from "../../../ffi/calls/io.ts";
import { close, dup3, openat } from "../../../ffi/calls/open.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { clone3, exitGroup, getpid, kill, unshare, waitid } from "../../../ffi/calls/process.ts";
import type { IdMap } from "../../../spec/model/desired.ts";
import { type Emitter, result } from "../emitter.ts";

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** `from`: the owner on the disk. `to`: who it shows as, in ids of the host. */
export interface IdPair {
  readonly from: Ids;
  readonly to: Ids;
}

/** siginfo_t of waitid(2): si_code 8. */
const INFO = { cell: "map child", size: 128 } as const;
const SI_CODE = 8;

/** Always fails: the way to name the record at which it was seen. */
export const NO_ID_MAP = {
  name: "close",
  words: [-1],
  text: ["-1 /* the user namespace of an id-mapped mount could not be made */"],
} as const;

const CHILD = "map child";
/** Slot: number of the descriptor of the child's directory in /proc, fixed before the two part. */
const DIRECTORY = "map directory";

/** The map of one owner; all others show as nobody's. */
export function pairMap({ from, to }: IdPair): Parameters<typeof openIdMap>[1] {
  const one = (inside: number, outside: number) => [{ inside, outside, count: 1 }];
  return { uids: one(from.uid, to.uid), gids: one(from.gid, to.gid) };
}

/** Slot `into` = a descriptor of a user namespace with these maps: owners on the disk → ids of the host. */
export function openIdMap(
  to: Emitter,
  { uids, gids }: { readonly uids: readonly IdMap[]; readonly gids: readonly IdMap[] },
  options: { readonly into: string },
): void {
  const inChild = to.label("map child");
  const stopped = to.label("map stopped");
  to.call(openat({ pathname: "/proc", flags: O_PATH | O_CLOEXEC }), { into: DIRECTORY });
  to.call(clone3({ flags: CLONE_FILES, exitSignal: SIGCHLD }), { into: CHILD });
  to.add({ kind: "branch", when: "equal", left: result(CHILD), right: 0, to: inChild });
  const id = result(CHILD);
  to.call(waitid({ idtype: P_PID, id, options: WSTOPPED | WEXITED, infop: INFO }));
  to.add(
    { kind: "load", into: "code", address: { ...INFO, offset: SI_CODE }, width: 4 },
    { kind: "branch", when: "equal", left: result("code"), right: CLD_STOPPED, to: stopped },
  );
  to.call(NO_ID_MAP);
  to.add({ kind: "label", name: inChild });
  lowerChild(to);
  to.add({ kind: "label", name: stopped });
  writeMap(to, "uid_map", lines(uids));
  writeMap(to, "gid_map", lines(gids));
  to.call(
    openat({ dirfd: result(DIRECTORY), pathname: "ns/user", flags: O_RDONLY | O_CLOEXEC }),
    options,
  );
  to.call(kill({ pid: id, sig: SIGKILL }));
  to.call(waitid({ idtype: P_PID, id, options: WEXITED }));
  to.call(close({ fd: result(DIRECTORY) }), { onError: "continue" });
}

const lines = (maps: readonly IdMap[]): string =>
  maps.map(({ inside, outside, count }) => `${inside} ${outside} ${count}`).join("\n");

/** The child never comes back from here: it stops, and is killed. */
function lowerChild(to: Emitter): void {
  const failed = to.label("map failed");
  const own = (call: Parameters<Emitter["call"]>[0], into?: string): void =>
    to.call(call, { onError: failed, ...(into === undefined ? {} : { into }) });
  own(prctl({ option: PR_SET_PDEATHSIG, arg2: SIGKILL }));
  own(openat({ pathname: "/proc/self", flags: O_PATH | O_DIRECTORY | O_CLOEXEC }), "self");
  own(dup3({ oldfd: result("self"), newfd: result(DIRECTORY), flags: O_CLOEXEC }));
  own(close({ fd: result("self") }));
  own(unshare({ flags: CLONE_NEWUSER }));
  own(getpid(), "pid");
  own(kill({ pid: result("pid"), sig: SIGSTOP }));
  to.add({ kind: "label", name: failed });
  to.call(exitGroup({ status: 1 }), { onError: "continue" });
}

function writeMap(to: Emitter, pathname: string, text: string): void {
  to.call(
    openat({ dirfd: result(DIRECTORY), pathname, flags: O_WRONLY | O_CLOEXEC }),
    { into: "map" },
  );
  to.call(write({ fd: result("map"), buf: text }));
  to.call(close({ fd: result("map") }), { onError: "continue" });
}
