/** Paths inside the container's root while the container is being built: always relative to the root's descriptor. */
import { EEXIST } from "../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_PATH } from "../../../ffi/abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../../ffi/abi/openat2.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { close, openat2 } from "../../../ffi/calls/open.ts";
import { branchOnErrno, type CallOptions, type Emitter, FAIL, result } from "../emitter.ts";

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

/**
 * Opens `path` of the container with O_PATH into slot `into`. What a layer put there cannot lead out: symbolic links
 * resolve inside the root and magic links are refused (security rule R3).
 */
export function openInRoot(
  to: Emitter,
  path: string,
  options: CallOptions & { readonly into: string },
): void {
  to.call(
    openat2({
      dirfd: result(ROOT),
      pathname: relative(path),
      flags: O_PATH | O_CLOEXEC,
      resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    }),
    options,
  );
}

/** Runs `make` with the descriptor of the directory that holds `path` and its last component; EEXIST is fine. */
export function inParent(
  to: Emitter,
  path: string,
  make: (directory: Word, name: string, onError: string) => void,
): void {
  const [directory, name] = splitPath(path);
  const there = to.label("there");
  const failed = to.label("failed");
  const isRoot = directory === "/";
  if (!isRoot) openInRoot(to, directory, { into: "parent" });
  make(result(isRoot ? ROOT : "parent"), name, failed);
  to.add(
    { kind: "jump", to: there },
    { kind: "label", name: failed },
    ...branchOnErrno([EEXIST], { to: there, otherwise: FAIL.container }),
    { kind: "label", name: there },
  );
  if (!isRoot) to.call(close({ fd: result("parent") }), { onError: "continue" });
}
