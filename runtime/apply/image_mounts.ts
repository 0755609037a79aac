/**
 * Image files of layers → detached mounts, handed to the container by descriptor. The runner makes them: only it can put a device's
 * number into a path. What it makes goes with its descriptors and the container's mounts; a runner that is killed leaves nothing.
 */
import { EBUSY, ENODEV, ENOENT, ENOTBLK, EPERM } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR } from "../../ffi/abi/fcntl.ts";
import {
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
} from "../../ffi/abi/mount.ts";
import {
  fsconfigCreate,
  fsconfigSetFlag,
  fsconfigSetString,
  fsmount,
  fsopen,
} from "../../ffi/calls/fsopen.ts";
import { ioctlLoopConfigure, ioctlLoopCtlGetFree } from "../../ffi/calls/loop.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { checkFsContext } from "../../ffi/linux/fs_context.ts";
import { regularSize } from "../../ffi/linux/memory_file.ts";
import { callSync, check, SyscallError } from "../../ffi/linux/run.ts";
import { ContainervError } from "../plan/error.ts";

export interface ImageFile {
  readonly kind: "squashfs" | "erofs";
  /** Absolute path of the host. */
  readonly image: string;
  readonly origin: string;
}

/** One descriptor of a detached read-only mount each; the caller closes them. Throws ContainervError; then none is open. */
export function openImages(images: readonly ImageFile[]): readonly number[] {
  const mounts: number[] = [];
  try {
    for (const image of images) mounts.push(openImage(image));
    return mounts;
  } catch (error) {
    for (const fd of mounts) callSync(close({ fd }));
    throw error;
  }
}

function openImage(image: ImageFile): number {
  const file = openFile(image);
  try {
    return mountFile(image, file);
  } catch (error) {
    throw error instanceof SyscallError ? explained(error, image) : error;
  } finally {
    callSync(close({ fd: file }));
  }
}

/** The file is opened once: what is mounted is what was opened (B16). */
function openFile({ image, origin }: ImageFile): number {
  const unreadable = (why: string): ContainervError =>
    new ContainervError({
      code: "IMAGE_UNREADABLE",
      message: `cannot read the layer ${image}: ${why}`,
      pointer: origin,
      fix: "correct its path",
      undone: "nothing was done",
    });
  const call = openat({ pathname: image, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC });
  const fd = Number(callSync(call));
  if (fd < 0) throw unreadable(new SyscallError(call, -fd).message);
  if (regularSize(fd) !== undefined) return fd;
  callSync(close({ fd }));
  throw unreadable("it is no regular file");
}

/** erofs takes a file itself where the kernel can (CONFIG_EROFS_FS_BACKED_BY_FILE, Linux 6.12); else there is a loop device. */
function mountFile({ kind }: ImageFile, file: number): number {
  if (kind === "erofs") {
    try {
      return mountSource(kind, file);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ENOTBLK) throw error;
    }
  }
  const device = loopDevice(file);
  try {
    return mountSource(kind, device);
  } finally {
    callSync(close({ fd: device }));
  }
}

function mountSource(fsname: string, source: number): number {
  const fd = check(fsopen({ fsname, flags: FSOPEN_CLOEXEC }));
  const step = (call: Parameters<typeof check>[0]): number => checkFsContext(call, { fd });
  try {
    step(fsconfigSetString({ fd, key: "source", value: `/proc/self/fd/${source}` }));
    step(fsconfigSetFlag({ fd, key: "ro" }));
    step(fsconfigCreate({ fd }));
    const attrFlags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    return step(fsmount({ fd, flags: FSMOUNT_CLOEXEC, attrFlags }));
  } finally {
    callSync(close({ fd }));
  }
}

/** Others take free devices too: as often as this, one after the other, is bad luck no more. */
const TRIES = 64;

/** A device that shows the file, read-only, until it is closed and unmounted. */
function loopDevice(file: number): number {
  const control = check(openat({ pathname: "/dev/loop-control", flags: O_RDWR | O_CLOEXEC }));
  try {
    for (let tries = 1;; tries++) {
      const number = check(ioctlLoopCtlGetFree({ fd: control }));
      const device = check(
        openat({ pathname: `/dev/loop${number}`, flags: O_RDWR | O_CLOEXEC }),
      );
      const call = ioctlLoopConfigure({ fd: device, file });
      const result = Number(callSync(call));
      if (result >= 0) return device;
      callSync(close({ fd: device }));
      if (result !== -EBUSY || tries === TRIES) throw new SyscallError(call, -result);
    }
  } finally {
    callSync(close({ fd: control }));
  }
}

function explained(error: SyscallError, { kind, image, origin }: ImageFile): ContainervError {
  const missing = error.errno === ENODEV && error.call.startsWith("fsopen");
  const noLoop = error.call.includes("/dev/loop");
  return new ContainervError({
    code: missing ? "FILESYSTEM_MISSING" : "IMAGE_NOT_MOUNTED",
    message: missing
      ? `this kernel has no ${kind}`
      : `cannot mount ${image} as ${kind}: ${error.said.join("; ") || error.message}`,
    pointer: origin,
    syscall: error.call,
    errno: error.errno,
    fix: missing
      ? `sudo modprobe ${kind}, or unpack it and use {dir: PATH}`
      : noLoop && [ENOENT, EPERM].includes(error.errno)
      ? "loop devices are missing or closed here: sudo modprobe loop, or unpack it and use {dir: PATH}"
      : `is it a ${kind} image? \`file ${image}\` says`,
    undone: "nothing was done",
  });
}
