/** Makes entries in directories of containers that have a user namespace of their own. */
import { EOVERFLOW } from "../abi/errno.ts";
import type { Syscall } from "../calls/call.ts";
import { setfsgid, setfsuid } from "../calls/credentials.ts";
import { statusOf } from "./entries.ts";
import type { Fd } from "./fd.ts";
import { callSync, SyscallError } from "./run.ts";

/**
 * Runs a call that makes an entry in an open directory. A file system that was mounted in a user namespace takes no file of an id that it
 * does not know (EOVERFLOW), not even from root: then the entry is made as the directory's owner. Gives what the call gives.
 */
export function createIn(directory: Fd, call: Syscall): number {
  const result = Number(callSync(call));
  if (result !== -EOVERFLOW) return result;
  const { uid, gid } = statusOf(directory);
  // Of this thread alone, and no code of anybody runs in between.
  const ownGid = Number(callSync(setfsgid({ fsgid: gid })));
  const ownUid = Number(callSync(setfsuid({ fsuid: uid })));
  try {
    return Number(callSync(call));
  } finally {
    callSync(setfsuid({ fsuid: ownUid }));
    callSync(setfsgid({ fsgid: ownGid }));
  }
}

/** As `createIn`, but a failure throws SyscallError. */
export function mustCreateIn(directory: Fd, call: Syscall): number {
  const result = createIn(directory, call);
  if (result < 0) throw new SyscallError(call, -result);
  return result;
}
