/** Loop devices. loop(4). */
import {
  LO_FLAGS_AUTOCLEAR,
  LO_FLAGS_READ_ONLY,
  LOOP_CONFIG,
  LOOP_CONFIGURE,
  LOOP_CTL_GET_FREE,
  LOOP_INFO64,
} from "../abi/loop.ts";
import type { Syscall, Word } from "./call.ts";
import { struct, syscall } from "./record.ts";
import { showFlags, showStruct, showWord } from "./show.ts";

/**
 * `ioctl(2)` with LOOP_CTL_GET_FREE on /dev/loop-control: the number of a device that nobody uses; it is made if need be. Another may
 * take it before it is configured.
 *
 * Header  include/uapi/linux/loop.h
 * Since   Linux 3.1
 * Needs   /dev/loop-control
 * Errors  ENOMEM  no memory for another device
 * @see https://man7.org/linux/man-pages/man4/loop.4.html
 */
export function ioctlLoopCtlGetFree(args: { fd: Word }): Syscall {
  return syscall("ioctl", {
    words: [args.fd, LOOP_CTL_GET_FREE, 0],
    text: () => [showWord(args.fd), "LOOP_CTL_GET_FREE"],
  });
}

/**
 * `ioctl(2)` with LOOP_CONFIGURE: gives a free device its file, read-only, until the last descriptor and mount of it is gone.
 *
 * One call, so there is no moment at which the device has its file and not yet its flags.
 *
 * Header  include/uapi/linux/loop.h
 * Since   Linux 5.8
 * Needs   the device open; CAP_SYS_ADMIN
 * Errors  EBUSY  another has taken it meanwhile
 *         EBADF  the file is not open
 * @see https://man7.org/linux/man-pages/man4/loop.4.html
 */
export function ioctlLoopConfigure(args: { fd: Word; file: number }): Syscall {
  const { fd, file } = args;
  const flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
  const info = struct(LOOP_INFO64, { lo_flags: flags });
  return syscall("ioctl", {
    words: [fd, LOOP_CONFIGURE, struct(LOOP_CONFIG, { fd: file, info: info.bytes })],
    text: () => [
      showWord(fd),
      "LOOP_CONFIGURE",
      showStruct({
        fd: String(file),
        lo_flags: showFlags(flags, { LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR }),
      }),
    ],
  });
}
