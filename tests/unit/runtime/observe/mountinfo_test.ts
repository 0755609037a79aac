import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseMountinfo } from "../../../../runtime/observe/mountinfo.ts";
import { linux, missing } from "../../../support/require.ts";

describe("parseMountinfo()", () => {
  test("reads a line with and without optional fields", () => {
    const text = [
      "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
      "37 35 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 master:2 propagate_from:1 - cgroup cgroup rw,cpu,cpuacct",
      "38 35 0:27 / /proc rw - proc proc rw",
      "",
    ].join("\n");
    assertEquals(parseMountinfo(text), [
      {
        at: "/mnt2",
        root: "/mnt1",
        fs: "ext3",
        source: "/dev/root",
        options: ["rw", "noatime"],
        superOptions: ["rw", "errors=continue"],
      },
      {
        at: "/sys/fs/cgroup/cpu,cpuacct",
        root: "/",
        fs: "cgroup",
        source: "cgroup",
        options: ["rw"],
        superOptions: ["rw", "cpu", "cpuacct"],
      },
      { at: "/proc", root: "/", fs: "proc", source: "proc", options: ["rw"], superOptions: ["rw"] },
    ]);
  });

  test("octal escapes are what they stand for", () => {
    const line = "1 0 0:1 /a\\040b /m\\011n\\012o\\134p rw - tmpfs s\\040t rw";
    const [entry] = parseMountinfo(line);
    assertEquals([entry?.root, entry?.at, entry?.source], ["/a b", "/m\tn\no\\p", "s t"]);
  });

  test("a source that is empty, and lines that are not whole", () => {
    assertEquals(parseMountinfo("1 0 0:1 / /a rw - tmpfs  rw")[0]?.source, "");
    for (const line of ["", "1 0", "1 0 0:1 / /a rw", "1 0 0:1 - tmpfs", " - "]) {
      assertEquals(parseMountinfo(line), [], line);
    }
  });

  test("this machine's own: as many entries as lines, the root among them", {
    skip: missing(linux()),
  }, () => {
    const text = readFileSync("/proc/self/mountinfo", "utf8");
    const entries = parseMountinfo(text);
    assertEquals(entries.length, text.trimEnd().split("\n").length);
    assert(entries.some(({ at }) => at === "/") && entries.every(({ fs }) => fs !== ""));
  });
});
