import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import type { Isolation } from "../../../../runtime/plan/isolation.ts";
import { showInspect } from "../../../../runtime/show/inspect.ts";

const ISOLATION: Isolation = {
  pid: 4121,
  insidePids: [1],
  argv: ["sh", "-c", "echo \x1b[2J"],
  state: "sleeping",
  namespaces: [
    { type: "mnt", inode: 4026532177, host: false },
    { type: "user", inode: 4026531837, host: true },
  ],
  cgroups: [
    { controllers: ["memory"], version: 1, path: "/containerv/web", values: { "memory.x": "5" } },
    { controllers: [], version: 2, path: "/", values: {} },
  ],
  mounts: [
    {
      at: "/usr",
      fs: "ext4",
      source: "/dev/vda",
      root: "/usr",
      options: ["ro", "nosuid", "relatime"],
      superOptions: ["rw"],
    },
    { at: "/dev", fs: "tmpfs", source: "tmpfs", root: "/", options: ["rw"], superOptions: [] },
  ],
  ids: {
    uids: [7, 7, 7, 7],
    gids: [8, 9, 8, 8],
    groups: [],
    uidMap: [{ inside: 0, outside: 1000, count: 1 }, { inside: 1, outside: 100000, count: 65536 }],
    gidMap: [{ inside: 0, outside: 0, count: 4_294_967_295 }],
  },
  capabilities: {
    bounding: ["CHOWN", "bit 41"],
    permitted: [],
    effective: [],
    inheritable: [],
    ambient: [],
  },
  noNewPrivileges: true,
  seccomp: { mode: "filter", filters: 2 },
  landlock: "unknown",
  rlimits: [{ name: "nofile", soft: "1024", hard: "4096", unit: "files" }],
  oomScoreAdjust: 0,
  umask: "0022",
  files: [{ fd: 0, target: "/dev/null" }],
  unreadable: ["fd/3"],
};

describe("showInspect()", () => {
  const text = showInspect(ISOLATION, "web");

  test("says of each namespace whose it is, and of each id where it lies", () => {
    assertMatch(text, /^web {3}pid 4121, 1 inside, sleeping$/m);
    assertMatch(text, /^ {2}mnt +4026532177 +own$/m);
    assertMatch(text, /^ {2}user +4026531837 +the host's$/m);
    assertStringIncludes(text, "0 is 1000 outside, 1-65536 is 100000-165535 outside");
    assertStringIncludes(text, "every id is itself");
    assertStringIncludes(text, "8 9 8 8 (real effective saved file)");
  });

  test("values, mounts, rights, limits, files, and what could not be read", () => {
    assertMatch(text, /^ {2}memory +\/containerv\/web$/m);
    assertMatch(text, /^ +memory\.x +5$/m);
    assertMatch(text, /^ {2}\/usr +ext4 +ro,nosuid +\/dev\/vda \/usr$/m);
    assertMatch(text, /^ {2}\/dev +tmpfs +rw +tmpfs$/m);
    assertMatch(text, /^ {2}bounding +CHOWN bit 41$/m);
    assertMatch(text, /^ {2}seccomp +filter \(2 filters\)$/m);
    assertMatch(text, /^ {2}nofile +1024 \(at most 4096\) +files$/m);
    assertStringIncludes(text, "not readable by this user\n  fd/3");
  });

  test("nothing of the container moves the cursor", () => {
    assert(!text.includes("\x1b"));
    assertEquals(text.endsWith("\n"), true);
  });
});
