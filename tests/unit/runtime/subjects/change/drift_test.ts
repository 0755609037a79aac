import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { driftOf, expectedOf, lookAt } from "../../../../../runtime/subjects/change/drift.ts";
import { ANSWERS, HOST_V2 } from "../../support/hosts.ts";
import { wanted } from "../../support/wanted.ts";

const answers = { ...ANSWERS, disks: { "/dev/sda": { major: 8, minor: 0 } } };
const GROUP = "/sys/fs/cgroup/containerv/box";
const expected = expectedOf(
  wanted({
    limits: {
      memory: "64MiB",
      pids: 7,
      io: [{ device: "/dev/sda", readBytes: "1MiB", weight: 50 }],
    },
    volumes: [{ bind: "/srv", at: "/data", readonly: true }],
  }),
  { host: HOST_V2, answers },
);
const FILES = {
  [`${GROUP}/memory.max`]: "67108864\n",
  [`${GROUP}/pids.max`]: "7\n",
  [`${GROUP}/io.max`]: "8:16 rbps=1\n8:0 rbps=1048576 wbps=max riops=max wiops=max\n",
  [`${GROUP}/io.weight`]: "default 100\n8:0 50\n",
};
const MOUNTS = {
  "/proc": { readonly: false },
  "/dev": { readonly: false },
  "/data": { readonly: true },
};
const drift = (files: Record<string, string>, mounts: typeof MOUNTS | Record<string, never>) =>
  driftOf(expected, { files, mounts }).map(({ key, text }) => `${key}: ${text}`);

describe("what the kernel has of a container", () => {
  test("all is as it was made", () => assertEquals(drift(FILES, MOUNTS), []));

  test("each file and place is looked at once", () => {
    const { files, mounts } = lookAt(expected);
    assertEquals(mounts, ["/proc", "/dev", "/data"]);
    assertEquals(files.length, new Set(files).size);
    for (const path of Object.keys(FILES)) assertEquals(files.includes(path), true, path);
  });

  test("a value that somebody wrote, and a group that is gone", () => {
    const others = { ...FILES, [`${GROUP}/memory.max`]: "max\n", [`${GROUP}/io.max`]: "\n" };
    const { [`${GROUP}/pids.max`]: _, ...rest } = others;
    assertEquals(drift(rest, MOUNTS), [
      "limits.memory: memory.max holds max, not 67108864",
      `limits.pids: there is no ${GROUP}/pids.max any more`,
      "limits.io: io.max holds nothing, not 8:0 rbps=1048576 wbps=max riops=max wiops=max",
    ]);
  });

  test("mounts that are gone, and one that can be written", () => {
    const { "/proc": proc, "/dev": dev } = MOUNTS;
    assertEquals(drift(FILES, { "/dev": dev, "/proc": proc, "/data": dev }), [
      "volumes: /data can be written, and is to be read-only",
    ]);
    assertEquals(drift(FILES, {}), [
      "rootfs: nothing is mounted at /proc any more",
      "rootfs: nothing is mounted at /dev any more",
      "volumes: nothing is mounted at /data any more",
    ]);
  });

  test("mounts that can't be looked at are none", () =>
    assertEquals(driftOf(expected, { files: FILES }), []));
});
