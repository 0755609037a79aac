/** Layers that are image files, and many layers: from inside, and what is left of them. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ContainervError, run, type Spec } from "../../../mod.ts";
import { guardWorld, plainHostRoot, runSpec, sh, startSpec } from "../cli/sandbox.ts";
import { PATIENCE } from "../../support/cli.ts";
import { findTool, loopDevices, missing, root, tool } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

guardWorld();

/** The kernel has it, or can load it. Tried, since a module may be missing. */
function fileSystem(name: string): string | undefined {
  const known = () => readFileSync("/proc/filesystems", "utf8").includes(`\t${name}\n`);
  const modprobe = findTool("modprobe");
  if (!known() && modprobe !== undefined) spawnSync(modprobe, [name]);
  return known() ? undefined : `needs the file system ${name}`;
}

const LOOPS = missing(root(), loopDevices()) === false ? loops() : [];

/** Loop devices that show a file: one more afterwards is one that was left. */
function loops(): readonly string[] {
  return readdirSync("/sys/block").filter((name) => /^loop\d+$/.test(name))
    .filter((name) => readFileSync(`/sys/block/${name}/size`, "utf8") !== "0\n");
}

async function noLoopLeft(): Promise<void> {
  for (const deadline = performance.now() + 5000 * PATIENCE; performance.now() < deadline;) {
    if (loops().every((name) => LOOPS.includes(name))) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(loops(), LOOPS);
}

function makeImage(kind: "squashfs" | "erofs", directory: TempDir, name = kind as string): string {
  const tree = directory.file(`${name}.tree`);
  mkdirSync(`${tree}/srv`, { recursive: true });
  writeFileSync(`${tree}/srv/${name}`, name);
  writeFileSync(`${tree}/srv/same`, name);
  const image = directory.file(`${name}.img`);
  const argv = kind === "squashfs"
    ? ["mksquashfs", tree, image, "-quiet", "-no-progress"]
    : ["mkfs.erofs", "--quiet", image, tree];
  const made = spawnSync(findTool(argv[0] ?? "") ?? "", argv.slice(1));
  assertEquals(made.status, 0, String(made.stderr));
  return image;
}

async function inside(script: string, layers: readonly object[], more = {}): Promise<string> {
  const spec = { policy: "none", rootfs: { layers }, ...more, commands: [sh(script)] };
  const { code, stdout, stderr } = await run(spec as unknown as Spec);
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim();
}

const KINDS = [["squashfs", "mksquashfs"], ["erofs", "mkfs.erofs"]] as const;

for (const [kind, program] of KINDS) {
  describe(`a layer of ${kind}`, {
    skip: missing(root(), tool(program), loopDevices(), fileSystem(kind)),
  }, () => {
    test("under and over a directory, and at a place of its own; nothing stays behind", async () => {
      using directory = tempDir();
      const image = makeImage(kind, directory);
      directory.write("dir/srv/same", "dir");
      const dir = directory.file("dir");
      const system = { host: "system" };
      const [below, above] = [[system, { [kind]: image }, { dir }], [system, { dir }, {
        [kind]: image,
      }]];
      assertEquals(await inside(`cat /srv/same /srv/${kind}`, below), `dir${kind}`);
      assertEquals(
        await inside("cat /srv/same; echo new > /srv/same; cat /srv/same", above),
        `${kind}new`,
      );
      const at = [system, { [kind]: image, at: "/opt/image" }];
      const script = `cat /opt/image/srv/same; touch /opt/image/x 2> /dev/null || echo ' ro'; ` +
        "grep ' /opt/image ' /proc/self/mountinfo | cut -d' ' -f6 | cut -d, -f1-3";
      assertEquals(await inside(script, at), `${kind} ro\nro,nosuid,nodev`);
      await noLoopLeft();
    });

    test("beside secrets, twice the same, and with the root read-only", async () => {
      using directory = tempDir();
      const layer = { [kind]: makeImage(kind, directory) };
      const layers = [{ host: "system" }, layer, { ...layer, at: "/a" }, { ...layer, at: "/b" }];
      const more = { secrets: { "/run/s": "secret" } };
      assertEquals(
        await inside("cat /run/s /srv/same /a/srv/same /b/srv/same", layers, more),
        [
          "secret",
          kind,
          kind,
          kind,
        ].join(""),
      );
      await noLoopLeft();
    });

    test("a kill -9 of the runner takes the devices too", async () => {
      using directory = tempDir();
      const layer = { [kind]: makeImage(kind, directory), at: "/a" };
      const box = startSpec({
        policy: "none",
        rootfs: { layers: [{ host: "system" }, layer] },
        commands: [sh("cat /a/srv/same; sleep 30")],
      });
      await box.says(kind);
      process.kill(box.pid, "SIGKILL");
      await box.ended;
      await noLoopLeft();
    });

    test("what is no image is refused with the kernel's words, and what is not there by name", async () => {
      using directory = tempDir();
      const wrong = directory.write("wrong", "x".repeat(8192));
      for (const [file, code] of [[wrong, "IMAGE_NOT_MOUNTED"], ["/missing", "IMAGE_UNREADABLE"]]) {
        const layers = [{ host: "system" }, { [kind]: file }];
        const error = await assertRejects(() => inside("true", layers), ContainervError);
        assertEquals([error.facts.code, error.facts.pointer], [code, "/rootfs/layers/1"]);
      }
      await noLoopLeft();
    });
  });
}

describe("many layers", { skip: missing(root()) }, () => {
  for (const count of [64, 120, 400]) {
    test(`${count} directories: the last hides the first, all are there`, async () => {
      using directory = tempDir();
      const layers = Array.from({ length: count }, (_, index) => {
        directory.write(`${index}/srv/${index}`, "");
        directory.write(`${index}/srv/same`, `${index}`);
        return { dir: directory.file(`${index}`) };
      });
      const out = await inside(
        "ls /srv | wc -l; cat /srv/same; echo new > /srv/same; cat /srv/same",
        [
          { host: "system" },
          ...layers,
        ],
      );
      assertEquals(out.replace(/\s+/g, " "), `${count + 1} ${count - 1}new`);
    });
  }

  test("under them all of the host, where the kernel stacks as many overlays", {
    skip: missing(plainHostRoot()),
  }, async () => {
    using directory = tempDir();
    const layers = Array.from({ length: 100 }, (_, index) => {
      directory.write(`${index}/srv/${index}`, "");
      return { dir: directory.file(`${index}`) };
    });
    const out = await inside("ls /srv | wc -l; test -e /etc/shadow && echo whole", [
      { host: "/" },
      ...layers,
    ]);
    assert(Number(out.split("\n")[0]) >= 100, out);
    assertStringIncludes(out, "whole");
  });
});

describe("a disk that is kept", { skip: missing(root()) }, () => {
  test("has one user at a time; the second is told who the first is", async () => {
    const name = `disk-${process.pid}`;
    const spec = { name, policy: "none", rootfs: { writable: "disk" } };
    const first = startSpec({ ...spec, commands: [sh("echo ready; sleep 30")] }, name);
    try {
      await first.says("ready");
      const { code, stderr } = await runSpec({ ...spec, commands: [["true"]] }, { name });
      assertEquals(code, 125);
      assertStringIncludes(
        stderr,
        `another container uses this disk, that of process ${first.pid}:`,
      );
    } finally {
      process.kill(-first.pid, "SIGKILL");
      await first.ended;
      spawnSync("rm", ["-rf", `/var/lib/containerv/uppers/${name}`]);
    }
  });
});
