/**
 * B3, B4, B7, B10, C7: volumes that several containers share, and images made to mislead, change nothing outside.
 *
 * CONTAINERV_RACES sets how often each race is run; the default is a sample.
 */
// timeout-seconds: 240
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ContainervError, run, type Spec, start } from "../../mod.ts";
import { guardWorld, runSpec, sh } from "../integration/cli/sandbox.ts";
import { missing, root, tool } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

guardWorld();
const skip = missing(root());
const RACES = Number(process.env["CONTAINERV_RACES"] ?? 40);

function makeScene(): TempDir {
  const scene = tempDir("containerv-scene-");
  scene.write("victim/kept", "untouched");
  scene.write("source/file", "content");
  mkdirSync(scene.file("shared/dir"), { recursive: true });
  return scene;
}

const hostMounts = (): string => readFileSync("/proc/self/mountinfo", "utf8");

/** Swaps `dir` and a link in the shared volume until it is ended. */
const RACER = (target: string): string =>
  `cd /vol; ln -s ${target} link; echo racing; ` +
  `while :; do mv -T dir real; mv -T link dir; mv -T dir link; mv -T real dir; done`;

describe("B4, B7: a target that another container moves while it is mounted", { skip }, () => {
  for (const target of ["/", "/proc", "../../../../../.."]) {
    test(`dir and a link to ${target} change places: nothing of the host is mounted over or made`, async () => {
      using scene = makeScene();
      const before = hostMounts();
      await using racer = await start({
        policy: "none",
        volumes: [`${scene.file("shared")}:/vol`],
        commands: [sh(RACER(target))] as const,
      } as Spec, { stdout: "ignore", stderr: "ignore" });
      let ran = 0;
      for (let round = 0; round < RACES; round++) {
        const spec = {
          policy: "none",
          volumes: [
            `${scene.file("shared")}:/vol`,
            `${scene.file("source")}:/vol/dir/x${round}/y`,
          ],
          commands: [
            sh(
              "grep -c kernel.core_pattern /proc/self/mountinfo; cat /proc/sys/kernel/core_pattern > /dev/null; echo x > /proc/sys/kernel/core_pattern",
            ),
          ],
        } as unknown as Spec;
        try {
          const { stdout, stderr } = await run(spec);
          assertEquals(stdout, "0\n");
          assertStringIncludes(stderr, "Read-only");
          ran++;
        } catch (error) {
          // Refused is good too, as long as it is said why.
          assert(error instanceof ContainervError, String(error));
          assert(
            ["SYSCALL_FAILED", "PROTECTED_PLACE"].includes(error.facts.code),
            error.facts.code,
          );
        }
        assertEquals(existsSync(`/x${round}`), false);
      }
      assertEquals(hostMounts(), before);
      assert(ran > 0, `all of ${RACES} starts beside ${racer.name} were refused`);
    });
  }
});

describe("B10: a source below what a container can write", { skip }, () => {
  test("a link that the container made there is not followed, at planning or between planning and opening", async () => {
    using scene = makeScene();
    await run({
      policy: "none",
      volumes: [`${scene.file("shared")}:/vol`],
      commands: [
        sh(`ln -s ${scene.file("victim")} /vol/evil; mkdir /vol/deep; ln -s / /vol/deep/root`),
      ],
    } as unknown as Spec);
    for (const path of ["shared/evil", "shared/evil/kept", "shared/deep/root/etc"]) {
      const { code, stderr } = await runSpec({
        policy: "none",
        volumes: [{ bind: scene.file(path), at: "/x", create: true }],
        commands: [sh("ls /x")],
      });
      assertEquals(code, 125, stderr);
      assertStringIncludes(stderr, "symbolic link");
    }
  });

  test("swapped while starts go on: the source is the directory or nothing", async () => {
    using scene = makeScene();
    writeFileSync(scene.file("shared/dir/mine"), "");
    await using racer = await start({
      policy: "none",
      volumes: [`${scene.file("shared")}:/vol`],
      commands: [sh(RACER(scene.file("victim")))] as const,
    } as Spec, { stdout: "ignore", stderr: "ignore" });
    for (let round = 0; round < RACES; round++) {
      try {
        const { stdout } = await run({
          policy: "none",
          volumes: [`${scene.file("shared/dir")}:/x`],
          commands: [sh("ls /x; touch /x/written")],
        } as unknown as Spec);
        // A directory that mv(1) copied and removed meanwhile is empty; never is it the one that the link names.
        assertEquals(stdout.includes("kept"), false, stdout);
      } catch (error) {
        assert(error instanceof ContainervError, String(error));
      }
    }
    assertEquals(readdirSync(scene.file("victim")), ["kept"]);
    assertEquals(readFileSync(scene.file("victim/kept"), "utf8"), "untouched");
    racer.kill("SIGKILL");
  });
});

describe("B3, B5: an image whose links lead a target elsewhere", { skip }, () => {
  for (
    const [link, at] of [
      ["/proc", "/data"],
      ["/proc/sys/kernel", "/data"],
      ["/sys/kernel", "/data"],
      ["../../../../proc/self", "/data/attr"],
    ] as const
  ) {
    test(`${at} by way of a link to ${link}: refused by name`, async () => {
      using scene = makeScene();
      mkdirSync(scene.file("layer"));
      symlinkSync(link, scene.file("layer/data"));
      const layers = [{ host: "system" }, { dir: scene.file("layer") }];
      for (const volume of [{ tmpfs: "1MiB", at }, { bind: scene.file("source"), at }]) {
        const { code, stderr } = await runSpec({
          policy: "none",
          rootfs: { layers },
          volumes: [volume],
          commands: [["true"]],
        });
        assertEquals(code, 125);
        assert(/\/proc or \/sys|Permission denied|No such file/.test(stderr), stderr);
      }
    });
  }

  test("links out of the root stay inside: nothing is made at the victim", async () => {
    using scene = makeScene();
    mkdirSync(scene.file("layer"));
    symlinkSync(scene.file("victim"), scene.file("layer/abs"));
    symlinkSync(`../../../../../..${scene.file("victim")}`, scene.file("layer/rel"));
    const before = statSync(scene.file("victim")).ctimeMs;
    for (const at of ["/abs", "/abs/deep/er", "/rel", "/rel/x"]) {
      await runSpec({
        policy: "none",
        rootfs: { layers: [{ host: "system" }, { dir: scene.file("layer") }] },
        volumes: [{ tmpfs: "1MiB", at }],
        secrets: { [`${at}/secret`]: "s" },
        commands: [sh(`echo > ${at}/file`)],
      });
    }
    assertEquals(statSync(scene.file("victim")).ctimeMs, before);
    assertEquals(existsSync(scene.file("victim/deep")), false);
  });
});

describe("C7: set-user-id bits on a volume", { skip: missing(root(), tool("setpriv")) }, () => {
  test("a root shell made inside gives no rights inside, and owner: match makes none outside", async () => {
    using scene = makeScene();
    const { chownSync } = await import("node:fs");
    chownSync(scene.file("source"), 4242, 4242);
    await run({
      policy: "none",
      volumes: [{ bind: scene.file("source"), at: "/v", owner: "match" }],
      commands: [sh("cp /bin/sh /v/sh && chmod 4755 /v/sh")],
    } as unknown as Spec);
    const made = statSync(join(scene.file("source"), "sh"));
    assertEquals([made.uid, made.mode & 0o7777], [4242, 0o4755]);
    const { stdout } = await run({
      policy: "none",
      user: "1000:1000",
      volumes: [`${scene.file("source")}:/v`],
      commands: [["/v/sh", "-p", "-c", "id -u"]],
    } as unknown as Spec);
    assertEquals(stdout, "1000\n");
  });
});
