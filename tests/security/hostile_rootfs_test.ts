/** B4, B5, C6: a rootfs that has something else where directories, files and users belong: an answer at once, nothing outside touched. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { guardWorld, runSpec, type SpecObject } from "../integration/cli/sandbox.ts";
import { missing, root } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

guardWorld();
const skip = missing(root());

const THINGS: Readonly<Record<string, (path: string) => void>> = {
  "a FIFO": (path) => void spawnSync("mkfifo", [path]),
  "a file": (path) => writeFileSync(path, "x"),
  "a device": (path) => void spawnSync("mknod", [path, "c", "1", "5"]),
  "a link to itself": (path) => symlinkSync(path.slice(path.lastIndexOf("/") + 1), path),
  "a link to a magic link": (path) => symlinkSync("/proc/self/fd/0", path),
  "a directory without rights": (path) => mkdirSync(path, { mode: 0 }),
};
const PLACES = ["proc", "sys", "dev", "dev/pts", "proc/sys", "vol", "home"];
const SPECS: Readonly<Record<string, (dir: string, data: string) => SpecObject>> = {
  "rootfs.path": (dir) => ({ rootfs: { path: dir } }),
  "a layer": (dir) => ({ rootfs: { layers: [{ dir }] }, workdir: "/home/x" }),
  "at:": (dir, data) => ({ rootfs: { layers: [{ dir }, { dir: data, at: "/vol/x" }] } }),
};

function build(place: string, make: (path: string) => void): TempDir {
  const layer = tempDir();
  chmodSync(layer.path, 0o755);
  mkdirSync(dirname(layer.file(place)), { recursive: true });
  make(layer.file(place));
  return layer;
}

describe("hostile roots", { skip }, () => {
  for (const [what, make] of Object.entries(THINGS)) {
    test(`B4: ${what} at each place that we use: no hang, no fault of ours`, async () => {
      using data = tempDir();
      const mounts = readFileSync("/proc/self/mountinfo", "utf8");
      for (const spec of Object.values(SPECS)) {
        await Promise.all(PLACES.map(async (place) => {
          using layer = build(place, make);
          const { code, stderr, timedOut } = await runSpec({
            policy: "none",
            ...spec(layer.path, data.path),
            commands: [["/nothing"]],
          }, { timeoutMs: 30_000 });
          assertFalse(timedOut, `${place}: ${what}`);
          assert(code === 125 || code === 127, `${place}: ${code} ${stderr}`);
          assertFalse(/BUG|\n\s+at /.test(stderr), stderr);
        }));
      }
      assertEquals(readFileSync("/proc/self/mountinfo", "utf8"), mounts);
    });
  }

  test("C6: a group of a million lines, a passwd of one endless line, a socket: an error, at once", async () => {
    using many = tempDir();
    using long = tempDir();
    using socket = tempDir();
    for (const one of [many, long, socket]) chmodSync(one.path, 0o755);
    many.write("etc/passwd", "app:x:1:1::/:/bin/sh\n");
    many.write("etc/group", "g:x:5:app\n".repeat(1_000_000));
    long.write("etc/passwd", `app:${"x".repeat(3 << 20)}`);
    socket.write("etc/x", "");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(socket.file("etc/passwd"), resolve));
    try {
      for (const dir of [many, long, socket]) {
        const { code, stdout } = await runSpec({
          policy: "none",
          user: "app",
          rootfs: { layers: [{ dir: dir.path }] },
          commands: [["/nothing"]],
        }, { timeoutMs: 20_000 });
        assertEquals([code, stdout], [125, ""]);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
