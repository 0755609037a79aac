/** What overlayfs reads from a lower layer. Source: Documentation/filesystems/overlayfs.rst. */
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_RDONLY } from "../abi/fcntl.ts";
import { S_IFCHR, S_IFMT, STATX, STATX_BASIC_STATS } from "../abi/stat.ts";
import { close, openat } from "../calls/open.ts";
import { statx } from "../calls/stat.ts";
import { fgetxattr } from "../calls/xattr.ts";
import { readStruct } from "../memory/layout.ts";
import { callSync, readCell } from "./run.ts";

const STATUS = { cell: "overlay statx", size: STATX.size };
const VALUE = { cell: "overlay xattr", size: 16 };

/** A character device 0:0: the name is gone. */
export function isWhiteout(path: string): boolean {
  const flags = AT_SYMLINK_NOFOLLOW;
  const how = { dirfd: AT_FDCWD, pathname: path, flags, mask: STATX_BASIC_STATS };
  if (Number(callSync(statx({ ...how, statxbuf: STATUS }))) < 0) return false;
  const found = readStruct(STATX, readCell(STATUS));
  return (Number(found.stx_mode) & S_IFMT) === S_IFCHR &&
    found.stx_rdev_major === 0 && found.stx_rdev_minor === 0;
}

/** A directory that shows nothing of lower layers. */
export function isOpaque(path: string): boolean {
  const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const fd = Number(callSync(openat({ pathname: path, flags })));
  if (fd < 0) return false;
  const size = VALUE.size;
  const name = "user.overlay.opaque"; // the store writes it for every user
  const length = Number(callSync(fgetxattr({ fd, name, value: VALUE, size })));
  callSync(close({ fd }));
  return length === 1 && readCell(VALUE)[0] === 0x79;
}
