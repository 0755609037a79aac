/** Every kind of rootfs, from inside, and what is left of it on the host. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { ContainervError, run, type Spec, start } from "../../../mod.ts";
import { parseMountinfo } from "../../../runtime/observe/mountinfo.ts";
import { missing, root } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

const skip = missing(root());

function hostRootIsOverlay(): string | undefined {
  const mounts = parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  const fs = mounts.filter((mount) => mount.at === "/").at(-1)?.fs;
  return fs === "overlay" ? "needs a root file system that is no overlay" : undefined;
}

async function inside(script: string, spec: Partial<Spec> & object): Promise<string> {
  const output = await run({ ...spec, commands: [["/bin/sh", "-c", script]] } as Spec);
  assertEquals([output.code, output.stderr], [0, ""]);
  return output.stdout.trim();
}

describe("rootfs", { skip }, () => {
  test("dir layers: the higher one covers the lower one, and neither is changed", async () => {
    using directory = tempDir();
    for (const [name, text] of [["low", "low"], ["high", "high"]] as const) {
      mkdirSync(join(directory.path, name));
      writeFileSync(join(directory.path, name, "same"), text);
      writeFileSync(join(directory.path, name, `only-${name}`), text);
    }
    const layers = [
      { host: "system" },
      { dir: join(directory.path, "low") },
      { dir: join(directory.path, "high") },
    ] as const;
    const out = await inside("cat /same /only-low /only-high; echo new > /same; cat /same", {
      rootfs: { layers },
    });
    assertEquals(out, "highlowhighnew");
    assertEquals(readFileSync(join(directory.path, "high", "same"), "utf8"), "high");
  });

  test("at: a layer of its own, read-only, at a path that is made", async () => {
    using directory = tempDir();
    writeFileSync(join(directory.path, "file"), "content");
    const layers = [{ host: "system" }, { dir: directory.path, at: "/opt/a/b" }] as const;
    const script = "cat /opt/a/b/file; touch /opt/a/b/x 2>/dev/null || echo ' ro'";
    assertEquals(await inside(script, { rootfs: { layers } }), "content ro");
  });

  test("host: / under a layer shows the host's files and the layer's, and writes to neither", {
    // Two levels of overlays are as many as the kernel stacks (facts of docs/requirements.md).
    skip: missing(hostRootIsOverlay()),
  }, async () => {
    using directory = tempDir();
    const name = `layer-${process.pid}`;
    writeFileSync(join(directory.path, name), "layer");
    const layers = [{ host: "/" }, { dir: directory.path }] as const;
    const script = `cat /${name}; ls -d /etc/shadow /var/lib; touch /usr/written-${process.pid}`;
    const out = await inside(script, { rootfs: { layers } });
    assertEquals(out, "layer/etc/shadow\n/var/lib");
    assertEquals(existsSync(`/usr/written-${process.pid}`), false);
  });

  test("an overlay's root can't be left by `..`, and nothing of the host is in mountinfo", async () => {
    using directory = tempDir();
    const layers = [{ host: "system" }, { dir: directory.path }] as const;
    const out = await inside("stat -c %i:%d / /..; cut -d' ' -f5 /proc/self/mountinfo | head -1", {
      rootfs: { layers },
    });
    const [own, above, first] = out.split("\n");
    assertEquals([own, first], [above, "/"]);
  });

  test("writable: a tmpfs of the size that is said", async () => {
    const rootfs = { writable: { tmpfs: "1MiB" } } as const;
    const script = "dd if=/dev/zero of=/big bs=64k count=64 2>/dev/null; stat -c %s /big";
    const size = Number(await inside(`${script}; true`, { rootfs }));
    assertEquals(size > 0 && size <= 1 << 20, true, `${size}`);
  });

  test("writable: false: nothing can be written anywhere in the root", async () => {
    const script =
      "for d in / /tmp /root /etc /var; do touch $d/x 2>/dev/null && echo $d; done; true";
    assertEquals(await inside(script, { rootfs: { writable: false } }), "");
  });

  test("writable: disk: kept by name, and held by one container at a time", async () => {
    const name = `disk-test-${process.pid}`;
    const spec = { name, rootfs: { writable: "disk" } } as const;
    try {
      assertEquals(await inside("cat /kept 2>/dev/null; echo 1 > /kept", spec), "");
      assertEquals(await inside("cat /kept", spec), "1");
      await using holder = await start({ ...spec, commands: [["sleep", "30"]] });
      const error = await assertRejects(
        () => run({ ...spec, commands: [["true"]] }),
        ContainervError,
      );
      assertStringIncludes(error.fix ?? "", "another container uses this disk");
      assertMatch(holder.name, /^disk-test-/);
    } finally {
      rmSync(`/var/lib/containerv/uppers/${name}`, { recursive: true, force: true });
    }
  });

  test("a missing layer is an error that names the call and leaves nothing", async () => {
    const layers = [{ host: "system" }, { dir: "/nonexistent/layer", at: "/x" }] as const;
    const error = await assertRejects(
      () => run({ rootfs: { layers }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "SYSCALL_FAILED");
    assertMatch(
      error.syscall ?? "",
      /^open_tree\(AT_FDCWD, "\/nonexistent\/layer", .* = -1 ENOENT/,
    );
    assertEquals(error.facts.undone, "everything was taken back");
  });

  test("a layer that host: system would hide is refused", async () => {
    using directory = tempDir();
    mkdirSync(join(directory.path, "usr"));
    const layers = [{ host: "system" }, { dir: directory.path }] as const;
    const error = await assertRejects(
      () => run({ rootfs: { layers }, commands: [["true"]] }),
      ContainervError,
    );
    assertEquals(error.code, "LAYER_HIDDEN");
  });
});

describe("B5: a layer's links can't make us touch the host", { skip }, () => {
  for (const link of ["dev", "proc", "sys", "etc", "tmp"]) {
    test(`/${link} -> a directory of the host`, async () => {
      using victim = tempDir();
      using layer = tempDir();
      symlinkSync(victim.path, join(layer.path, link));
      symlinkSync(`../../../../../..${victim.path}`, join(layer.path, "up"));
      const layers = [{ host: "/" }, { dir: layer.path }] as const;
      // Whether it starts or is refused, the directory of the host stays empty.
      await run({ rootfs: { layers }, workdir: "/up/made", commands: [["/bin/true"]] }).catch(
        (error) => assertEquals(error instanceof ContainervError, true, String(error)),
      );
      assertEquals(readdirSync(victim.path), []);
    });
  }
});
