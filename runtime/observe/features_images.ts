/** What layers of image files need. */
import { ENODEV } from "../../ffi/abi/errno.ts";
import { O_RDWR } from "../../ffi/abi/fcntl.ts";
import { FSOPEN_CLOEXEC } from "../../ffi/abi/mount.ts";
import { CLONE_NEWNS } from "../../ffi/abi/sched.ts";
import { fsopen } from "../../ffi/calls/fsopen.ts";
import type { Host } from "../plan/host.ts";
import { type Feature, type FeatureAnswer, tryDevice } from "./features_probe.ts";
import { answerOf, runProbe } from "./features_program.ts";

/** A context is enough: the kernel has the file system, or could load it. */
function probeFileSystem(fsname: string, host: Host): FeatureAnswer {
  if (!host.privileged) {
    return { state: "no", detail: "only root can mount it", fix: "run as root" };
  }
  const calls = [{ call: fsopen({ fsname, flags: FSOPEN_CLOEXEC }) }];
  const end = runProbe({ flags: CLONE_NEWNS, calls }, host);
  if (end.kind === "failed" && end.errno === ENODEV) {
    return { state: "no", detail: `the kernel has no ${fsname}` };
  }
  return answerOf(end);
}

function fileSystemRow(name: "squashfs" | "erofs", config: string): Feature {
  return {
    name,
    group: "rootfs",
    needs: `root; ${config}`,
    gives: `layers {${name}: FILE}`,
    without: "the image has to be unpacked, as a layer {dir: PATH}",
    fix: `sudo modprobe ${name}`,
    required: false,
    probe: (host) => probeFileSystem(name, host),
  };
}

/** Rows about image files. */
export const IMAGE_FEATURES: readonly Feature[] = [
  fileSystemRow("squashfs", "CONFIG_SQUASHFS"),
  fileSystemRow("erofs", "CONFIG_EROFS_FS"),
  {
    name: "loop devices",
    group: "rootfs",
    since: "5.8",
    needs: "root; /dev/loop-control",
    gives: "layers {squashfs: FILE}, and {erofs: FILE} where the kernel takes no file itself",
    without: "the image has to be unpacked, as a layer {dir: PATH}",
    fix: "sudo modprobe loop",
    required: false,
    probe: () =>
      tryDevice("/dev/loop-control", {
        flags: O_RDWR,
        absent: "sudo modprobe loop",
        denied: "run as root",
      }),
  },
];
