/** Which devices a path means: nodes below /dev, and the disk on which a file lies. Changes nothing. */
import { AT_FDCWD } from "../../ffi/abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFMT, STATX, STATX_BASIC_STATS } from "../../ffi/abi/stat.ts";
import { readField } from "../../ffi/abi/struct.ts";
import { statx } from "../../ffi/calls/stat.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync, readCell } from "../../ffi/linux/run.ts";
import type { DeviceAnswer, DiskAnswer } from "../plan/host.ts";

const FOUND = { cell: "statx", size: STATX.size } as const;

interface Numbers {
  readonly major: number;
  readonly minor: number;
}

/** Mode, the number of the device that the file is, and of the one that it lies on; links are followed. */
function look(path: string): { mode: number; self: Numbers; on: Numbers } | undefined {
  const call = statx({
    dirfd: AT_FDCWD,
    pathname: path,
    flags: 0,
    mask: STATX_BASIC_STATS,
    statxbuf: FOUND,
  });
  if (Number(callSync(call)) < 0) return undefined;
  const cell = readCell(FOUND);
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  const field = (name: keyof typeof STATX.fields): number =>
    Number(readField(view, STATX.fields[name]));
  return {
    mode: field("stx_mode"),
    self: { major: field("stx_rdev_major"), minor: field("stx_rdev_minor") },
    on: { major: field("stx_dev_major"), minor: field("stx_dev_minor") },
  };
}

/** The device at `path`; null when there is none. */
export function observeDevice(path: string): DeviceAnswer | null {
  const found = look(path);
  const kind = (found?.mode ?? 0) & S_IFMT;
  if (found === undefined || (kind !== S_IFCHR && kind !== S_IFBLK)) return null;
  return { type: kind === S_IFCHR ? "character" : "block", ...found.self };
}

/** The whole disk that `device` is a part of. */
export function observeDiskOfDevice(device: string): DiskAnswer {
  const found = observeDevice(device);
  if (found === null) return { why: `there is no device ${device}` };
  if (found.type !== "block") return { why: `${device} is no disk` };
  return wholeDisk(found);
}

/** The whole disk that the file or directory lies on. */
export function observeDiskOfPath(path: string): DiskAnswer {
  const found = look(path);
  if (found === undefined) return { why: `${path} is not there` };
  // Overlays, tmpfs and btrfs have numbers of no disk (fs/super.c, get_anon_bdev).
  if (found.on.major === 0) {
    return { why: `${path} lies on no single disk (overlay, tmpfs, btrfs?)` };
  }
  return wholeDisk(found.on);
}

/** Rates are a whole disk's: a partition's number is refused by the kernel (block/blk-cgroup.c, blkg_conf_open_bdev). */
function wholeDisk({ major, minor }: Numbers): DiskAnswer {
  const directory = `/sys/dev/block/${major}:${minor}`;
  if (readFile(`${directory}/partition`) === undefined) return { major, minor };
  const [parentMajor, parentMinor] = (readFile(`${directory}/../dev`) ?? "").trim().split(":")
    .map(Number);
  if (parentMajor === undefined || parentMinor === undefined) {
    return { why: `/sys does not say which disk ${major}:${minor} is a part of` };
  }
  return { major: parentMajor, minor: parentMinor };
}
