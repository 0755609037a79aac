import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FSOPEN_CLOEXEC } from "../../../ffi/abi/mount.ts";
import { fsconfigCreate, fsconfigSetString, fsmount, fsopen } from "../../../ffi/calls/mount.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { checkFsContext, readFsContextLog } from "../../../ffi/linux/fs_context.ts";
import { callSync, SyscallError } from "../../../ffi/linux/run.ts";
import { missing, root } from "../../support/require.ts";

test("a file system that can't be made says why", { skip: missing(root()) }, () => {
  using context = Fd.open(fsopen({ fsname: "tmpfs", flags: FSOPEN_CLOEXEC }));
  const fd = context.number;
  assertEquals(readFsContextLog(fd), []);
  const call = fsconfigSetString({ fd, key: "size", value: "12Q" });
  const error = assertThrows(() => checkFsContext(call, { fd }), SyscallError);
  assertEquals(
    error.call,
    `fsconfig(${fd}, FSCONFIG_SET_STRING, "size", "12Q", 0) = -1 EINVAL (Invalid argument)`,
  );
  assertEquals(error.said, ["e tmpfs: Bad value for 'size'"]);
  assert(error.message.endsWith("(Invalid argument): e tmpfs: Bad value for 'size'"));
  assertEquals(readFsContextLog(fd), []);
});

test("a mount that nobody attaches is gone with its descriptor", { skip: missing(root()) }, () => {
  using context = Fd.open(fsopen({ fsname: "tmpfs", flags: FSOPEN_CLOEXEC }));
  const fd = context.number;
  checkFsContext(fsconfigSetString({ fd, key: "size", value: "1m" }), { fd });
  checkFsContext(fsconfigCreate({ fd }), { fd });
  using mount = new Fd(checkFsContext(fsmount({ fd, flags: 1, attrFlags: 0xf }), { fd }));
  assert(mount.number > fd);
  assert(Number(callSync(fsconfigCreate({ fd }))) < 0);
});
