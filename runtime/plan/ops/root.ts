/** Paths inside the container's root while the container is being built: always relative to the root's descriptor. */
import { EEXIST } from "../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_PATH } from "../../../ffi/abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../../ffi/abi/openat2.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { close, openat2 } from "../../../ffi/calls/open.ts";
import { branchOnErrno, type CallOptions, type Emitter, FAIL, result } from "../emitter.ts";
import type { Held } from "../op.ts";

/** Slot of the descriptor of the container's root mount, from its making to pivot_root. */
export const ROOT = "root";

/** `/a/b` → `a/b`; the root itself is `.`. */
export function relative(path: string): string {
  return path === "/" ? "." : path.replace(/^\/+/, "");
}

/** `/a/b/c` → [`/a/b`, `c`]. */
export function splitPath(path: string): readonly [string, string] {
  const slash = path.lastIndexOf("/");
  return [slash <= 0 ? "/" : path.slice(0, slash), path.slice(slash + 1)];
}

/** A path of the container, and the held mount that it is looked up from. */
export type Place = string | { readonly path: string; readonly below: Held | undefined };

/** Slot of the descriptor of a mount that is kept open until the first command's process closes all. */
export const heldSlot = (mount: Held): string => `mount ${mount}`;

/**
 * Opens `path` of the container with O_PATH into slot `into`. What a layer put there cannot lead out: symbolic links
 * resolve inside the root and magic links are refused (security rule R3).
 */
export function openInRoot(
  to: Emitter,
  place: Place,
  options: CallOptions & { readonly into: string },
): void {
  const { path, below } = typeof place === "string" ? { path: place, below: undefined } : place;
  const inside = below === undefined ? path : path.slice(below.length) || "/";
  to.call(
    openat2({
      dirfd: result(below === undefined ? ROOT : heldSlot(below)),
      pathname: relative(inside),
      flags: O_PATH | O_CLOEXEC,
      resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    }),
    options,
  );
}

/** Runs `make` with the descriptor of the directory that holds `path` and its last component; EEXIST is fine. */
export function inParent(
  to: Emitter,
  place: Place,
  make: (directory: Word, name: string, onError: string) => void,
): void {
  const { path, below } = typeof place === "string" ? { path: place, below: undefined } : place;
  const [directory, name] = splitPath(path);
  const there = to.label("there");
  const failed = to.label("failed");
  // The mount's own root needs no opening.
  const known = directory === below ? heldSlot(below) : directory === "/" ? ROOT : undefined;
  if (known === undefined) openInRoot(to, { path: directory, below }, { into: "parent" });
  make(result(known ?? "parent"), name, failed);
  to.add(
    { kind: "jump", to: there },
    { kind: "label", name: failed },
    ...branchOnErrno([EEXIST], { to: there, otherwise: FAIL.container }),
    { kind: "label", name: there },
  );
  if (known === undefined) to.call(close({ fd: result("parent") }), { onError: "continue" });
}
