/** Secrets: where they are, and everywhere that they must not be. */
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ContainervError, run, type Spec, start } from "../../../mod.ts";
import { guardWorld, processesOf, runSpec, sh, startSpec } from "../cli/sandbox.ts";
import { REPOSITORY, runCli } from "../../support/cli.ts";
import { built, missing, root, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

guardWorld();
const skip = missing(root());
const SECRET = "correct-horse-battery-staple";

async function inside(script: string, spec: object): Promise<string> {
  const { code, stdout, stderr } = await run({
    policy: "none",
    ...spec,
    commands: [["/bin/sh", "-c", script]],
  } as Spec);
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim();
}

describe("secrets", { skip }, () => {
  test("a file of mode 0400 each, of the command's user, in a read-only private tmpfs", async () => {
    using directory = tempDir();
    const file = directory.write("secret", "from a file\n");
    symlinkSync("secret", directory.file("link"));
    const out = await inside(
      "stat -c '%n %a %u:%g %s' /run/secrets/a /etc/deep/b; cat /run/secrets/a; echo; cat /etc/deep/b; " +
        "chmod 600 /run/secrets/a 2> /dev/null || echo refused; ls /proc/1/fd; " +
        "grep -c -E '/(run/secrets|etc/deep)/[ab] ro,nosuid,nodev,noexec.* - tmpfs' /proc/self/mountinfo",
      {
        user: "1000:100",
        secrets: {
          "/run/secrets/a": SECRET,
          "/etc/deep/b": { file: directory.file("link"), mode: "0440" },
        },
      },
    );
    assertEquals(out.split("\n"), [
      `/run/secrets/a 400 1000:100 ${SECRET.length}`,
      "/etc/deep/b 440 1000:100 12",
      SECRET,
      "from a file",
      "refused",
      "0",
      "1",
      "2",
      "2",
    ]);
    assertEquals(readFileSync(file, "utf8"), "from a file\n");
  });

  test("with an overlay as root, a read-only one, an init, and a secret of 200 KiB", async () => {
    using directory = tempDir();
    const long = "0123456789abcdef".repeat(12_800);
    directory.write("long", long);
    const out = await inside("wc -c < /run/s; md5sum < /run/s | cut -c1-32; ls -d /.. | wc -l", {
      init: true,
      rootfs: { layers: [{ host: "system" }, { dir: directory.path }], writable: false },
      secrets: { "/run/s": { file: directory.file("long") } },
    });
    assertEquals(out.split("\n")[0], `${long.length}`);
  });

  test("a secret that is no file, is missing or too long: an error with its place, and nothing is run", async () => {
    using directory = tempDir();
    const sparse = directory.write("long", "x".repeat((1 << 20) + 1));
    for (const file of [directory.path, directory.file("missing"), "/dev/zero", sparse]) {
      const spec = {
        policy: "none",
        secrets: { "/run/s": { file } },
        commands: [["true"]],
      } as Spec;
      const error = await assertRejects(() => run(spec), ContainervError);
      assertEquals([error.facts.code, error.facts.pointer], [
        "SECRET_UNREADABLE",
        "/secrets/~1run~1s",
      ], file);
    }
  });

  test("the library's handle: announced starts have them too", async () => {
    await using box = await start({
      policy: "none",
      secrets: { "/run/s": SECRET },
      commands: [sh("cat /run/s")] as const,
    } as Spec, { stdout: "capture" });
    assertEquals(await new Response(box.stdout).text(), SECRET);
    assertEquals((await box.exited).code, 0);
  });

  test("plan, plan --json, plan --calls say its place and not what it says", async () => {
    const spec = { policy: "none", secrets: { "/run/s": SECRET }, commands: [["true"]] };
    for (const verb of [["plan"], ["plan", "--json"], ["plan", "--calls"]]) {
      const { code, stdout, stderr } = await runSpec(spec, { verb });
      assertEquals(code, 0, stderr);
      assert(stdout.includes("/run/s"), stdout);
      assertEquals((stdout + stderr).includes(SECRET), false);
    }
  });

  test("no process shows it: command line, environment, the stage's image and what it has open", async () => {
    const box = startSpec({
      policy: "none",
      secrets: { "/run/s": SECRET },
      commands: [sh("test -s /run/s && echo ready; sleep 30")],
    });
    try {
      await box.says("ready");
      const { stage, first } = processesOf(box);
      for (const pid of [box.pid, stage, first]) {
        for (const name of ["cmdline", "environ"]) {
          assertEquals(
            readFileSync(`/proc/${pid}/${name}`, "latin1").includes(SECRET),
            false,
            name,
          );
        }
      }
      const image = readFileSync(`/proc/${stage}/exe`);
      assert(image.length > 4096);
      assertEquals(image.includes(SECRET), false);
      for (const fd of readdirSync(`/proc/${stage}/fd`)) {
        assertEquals(await linkOf(`/proc/${stage}/fd/${fd}`), false, fd);
      }
    } finally {
      process.kill(-box.pid, "SIGKILL");
      await box.ended;
    }
  });

  test("no cache keeps it: the second run reads the spec anew", {
    skip: missing(built(join(REPOSITORY, "dist/containerv")), tool("grep")),
  }, async () => {
    using directory = tempDir();
    const env = { XDG_CACHE_HOME: directory.file("cache") };
    const once = async (secret: unknown): Promise<void> => {
      const file = directory.write(
        "box.json",
        JSON.stringify({
          policy: "none",
          secrets: { "/run/s": secret },
          commands: [["cat", "/run/s"]],
        }),
      );
      for (const _ of [1, 2]) {
        const { stdout } = await runCli(["run", "--quiet", file], { runtime: "dist", env });
        assertEquals(stdout, SECRET);
      }
    };
    const stored = directory.write("secret", SECRET);
    for (const secret of [SECRET, { value: SECRET }, { file: stored }]) await once(secret);
    const cache = directory.file("cache");
    const files = existsSync(cache) ? readdirSync(cache, { recursive: true }) : [];
    for (const name of files.map(String)) {
      if (name.endsWith(".json") || name.endsWith(".run")) {
        assertEquals(readFileSync(join(cache, name)).includes(SECRET), false, name);
        assertEquals(name.endsWith(".run"), false);
      }
    }
  });
});

/** True for a descriptor of a secret's memory. */
async function linkOf(path: string): Promise<boolean> {
  const { readlink } = await import("node:fs/promises");
  return (await readlink(path)).includes("memfd:secret");
}
