/** Owners, extended attributes and times of what is unpacked: what is kept, what is left out with a note, what is refused. */
import { EPERM } from "../../../ffi/abi/errno.ts";
import { fsetxattr } from "../../../ffi/calls/xattr.ts";
import { callSync, check, SyscallError } from "../../../ffi/linux/run.ts";
import { ImageError } from "../error.ts";
import { bytesOf, shown } from "../names.ts";
import type { TarEntry } from "../tar/read.ts";
import type { TreeCalls } from "./calls.ts";

/** What was left out, and of how many entries. */
export type Notes = Map<string, number>;

export interface Attributes {
  /** `undefined`: the owner is ours already, or can't be another. */
  readonly ownerOf: (entry: TarEntry) => { readonly uid: number; readonly gid: number } | undefined;
  /** Those that this kind of file can have. */
  readonly set: (fd: number, entry: TarEntry) => void;
  /** For an entry that can have none: notes or refuses them. */
  readonly leaveOut: (entry: TarEntry) => void;
  readonly setOpaque: (fd: number) => void;
  readonly setTime: (fd: number, entry: TarEntry) => void;
  readonly note: (text: string) => void;
}

export interface AttributeOptions {
  /** The runner is root, of whatever user namespace. */
  readonly root: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly notes: Notes;
}

const Y = new Uint8Array([0x79]);

export function createAttributes(calls: TreeCalls, options: AttributeOptions): Attributes {
  const { root, uid, gid, notes } = options;
  const note = (text: string): void => void notes.set(text, (notes.get(text) ?? 0) + 1);
  const keptOf = (entry: TarEntry): readonly (readonly [string, Uint8Array])[] => {
    for (const name of entry.ignored) note(leftOut(name));
    const kept: (readonly [string, Uint8Array])[] = [];
    for (const attribute of entry.xattrs) {
      const [name] = attribute;
      const verdict = judge(name, root);
      if (verdict === "refuse") {
        throw new ImageError(
          "ARCHIVE_REFUSED",
          `an entry brings the attribute ${
            shown(name)
          }, which steers overlayfs or only root may set: "${shown(entry.path)}"`,
        );
      }
      if (verdict === "keep") kept.push(attribute);
      else note(leftOut(name));
    }
    return kept;
  };
  return {
    ownerOf(entry) {
      if (entry.uid === uid && entry.gid === gid) return undefined;
      if (root) return entry;
      if (entry.uid !== 0 || entry.gid !== 0) note("owners other than root");
      return undefined;
    },
    set(fd, entry) {
      if (entry.xattrs.size === 0 && entry.ignored.length === 0) return;
      for (const [name, value] of keptOf(entry)) {
        check(fsetxattr({ fd, name: new TextDecoder().decode(bytesOf(name)), value }));
      }
    },
    leaveOut(entry) {
      for (const [name] of keptOf(entry)) note(leftOut(name));
    },
    setOpaque(fd) {
      // A mount of root's reads the one, a mount in a user namespace (userxattr) the other.
      check(fsetxattr({ fd, name: "user.overlay.opaque", value: Y }));
      if (!root) return;
      const call = fsetxattr({ fd, name: "trusted.overlay.opaque", value: Y });
      const result = Number(callSync(call));
      // Root of a user namespace may not, and can't make a mount that would read it.
      if (result < 0 && result !== -EPERM) throw new SyscallError(call, -result);
    },
    setTime(fd, entry) {
      const result = calls.dateFile(fd, entry.mtime);
      if (result < 0) throw new SyscallError("utimensat(…)", -result);
    },
    note,
  };
}

const leftOut = (name: string): string => `attributes ${shown(name)}`;

/** Security cases T3 and T4. */
function judge(name: string, root: boolean): "keep" | "leave out" | "refuse" {
  if (name.includes("\0") || name.length > 255) return "refuse";
  if (name.startsWith("trusted.") || name.startsWith("user.overlay.")) return "refuse";
  if (name.startsWith("user.")) return "keep";
  if (name === "security.capability") return root ? "keep" : "leave out";
  return name.startsWith("security.") || name.startsWith("system.") ? "leave out" : "refuse";
}
