/** Who may speak to the server: told by the kernel for each connection, whatever the modes of files say. */
import type { Socket } from "node:net";
import { getuid } from "../../ffi/linux/file.ts";
import { glanceLinks } from "../../ffi/linux/glance.ts";
import { type Peer, peerOf } from "../../ffi/linux/socket_option.ts";

/** What of node:net's socket both runtimes have, though no documentation promises it (docs/decisions/0012-serve.md). */
interface WithHandle {
  readonly _handle?: { readonly fd?: unknown } | null;
}

/** Why the other end may not; `undefined`: it may. Without its descriptor nobody knows who it is, and nobody may. */
export function refusal(socket: Socket): string | undefined {
  const fd = (socket as unknown as WithHandle)._handle?.fd;
  if (typeof fd !== "number" || !Number.isInteger(fd) || fd < 0) {
    return "this JavaScript runtime does not give the connection's descriptor";
  }
  return peerRefusal(peerOf(fd), { uid: getuid(), namespacesOf });
}

export interface Self {
  readonly uid: number;
  /** What tells a process of one container from that of another, or of none; `undefined`: it can't be read. */
  readonly namespacesOf: (pid: number | "self") => string | undefined;
}

/**
 * Root and the own user may; others not. And nobody from inside a container: its root, or the user that its root is outside, would be
 * as we are, and could do on the machine what the container keeps it from.
 */
export function peerRefusal({ pid, uid }: Peer, self: Self): string | undefined {
  if (uid !== 0 && uid !== self.uid) return `user ${uid} is neither root nor user ${self.uid}`;
  const theirs = pid > 0 ? self.namespacesOf(pid) : undefined;
  // A user can't look at what root runs; root needs no server.
  if (theirs === undefined && uid === 0 && self.uid !== 0 && pid > 0) return undefined;
  if (theirs === undefined) return "which namespaces it is in can't be seen";
  return theirs === self.namespacesOf("self")
    ? undefined
    : "it is in a container (a pid or user namespace that is not ours)";
}

const namespacesOf = (pid: number | "self"): string | undefined =>
  glanceLinks(`/proc/${pid}/ns`, ["pid", "user"]);
