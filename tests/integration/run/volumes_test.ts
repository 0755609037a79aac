/** Volumes of every kind, from inside and outside. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ContainervError, run, type Spec } from "../../../mod.ts";
import { hash64 } from "../../../ffi/abi/hash.ts";
import { guardWorld, runSpec, sh } from "../cli/sandbox.ts";
import { runCli } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

guardWorld();
const skip = missing(root());

/** What a script prints with these volumes; `$DIR` in them is the scratch directory. */
async function inside(
  script: string,
  volumes: NonNullable<Extract<Spec, { volumes?: unknown }>["volumes"]>,
  more: object = {},
): Promise<string> {
  const spec = { policy: "none", volumes, ...more, commands: [["/bin/sh", "-c", script]] } as Spec;
  const { code, stdout, stderr } = await run(spec);
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim();
}

function scratch(): TempDir {
  const directory = tempDir("containerv-volumes-");
  directory.write("src/file", "content");
  return directory;
}

const code = async (volumes: unknown): Promise<readonly [string, string | undefined]> => {
  const spec = { policy: "none", volumes, commands: [["true"]] } as Spec;
  const error = await assertRejects(() => run(spec), ContainervError);
  return [error.facts.code, error.facts.pointer];
};

describe("volumes", { skip }, () => {
  test("a bind is written through, `:ro` is not; neither takes set-user-id bits or devices", async () => {
    using directory = scratch();
    const source = directory.file("src");
    const out = await inside(
      "echo new > /rw/made; echo x 2> /dev/null > /ro/made || echo refused; cat /ro/file; echo; " +
        "grep -E ' /r[wo] ' /proc/self/mountinfo | cut -d' ' -f5,6 | cut -d, -f1-3",
      [`${source}:/rw`, `${source}:/ro:ro`],
    );
    assertEquals(out.split("\n"), [
      "refused",
      "content",
      "/rw rw,nosuid,nodev",
      "/ro ro,nosuid,nodev",
    ]);
    assertEquals(readFileSync(directory.file("src/made"), "utf8"), "new\n");
  });

  test("a single file, over one that is there and at a place that is made", async () => {
    using directory = scratch();
    const file = directory.file("src/file");
    const out = await inside("cat /etc/services /new/dir/file", [
      `${file}:/etc/services`,
      `${file}:/new/dir/file:ro`,
    ]);
    assertEquals(out, "contentcontent");
  });

  test("memory of a size and mode that belongs to the user", async () => {
    const out = await inside(
      "stat -c '%a %u:%g' /m; head -c 2M /dev/zero > /m/x 2> /dev/null || echo full; stat -c %s /m/x",
      [{ tmpfs: "1MiB", at: "/m", mode: "0700" }],
      { user: "1000:100" },
    );
    assertEquals(out, "700 1000:100\nfull\n1048576");
  });

  test("one inside another, in whatever order they are written", async () => {
    using directory = scratch();
    const out = await inside("ls /a /a/b; cat /a/b/file", [
      { bind: directory.file("src"), at: "/a/b" },
      { tmpfs: "1MiB", at: "/a" },
    ]);
    assertEquals(out, "/a:\nb\n\n/a/b:\nfile\ncontent");
  });

  test("create makes what is missing, for the user; else it is an error with its place", async () => {
    using directory = scratch();
    const source = directory.file("deep/er");
    assertEquals(await code([`${source}:/x`]), ["VOLUME_SOURCE_MISSING", "/volumes/0"]);
    assertEquals(existsSync(directory.file("deep")), false);
    const user = { user: "1000:100" };
    await inside("touch /x/made", [{ bind: source, at: "/x", create: true }], user);
    const { uid, gid } = statSync(`${source}/made`);
    assertEquals([uid, gid, statSync(directory.file("deep")).uid], [1000, 100, 0]);
  });

  test("owner: match shows the owner as the user, and gives the owner what the user makes", async () => {
    using directory = scratch();
    for (const name of ["src", "src/file"]) chownSync(directory.file(name), 4242, 4243);
    directory.write("src/other", "root's");
    const script = "stat -c '%u:%g' /x /x/file /x/other; echo > /x/made; id -u";
    const volumes = [{ bind: directory.file("src"), at: "/x", owner: "match" }] as const;
    const asUser = await inside(script, volumes, { user: "1000:100" });
    assertEquals(asUser, "1000:100\n1000:100\n65534:65534\n1000");
    const made = statSync(directory.file("src/made"));
    assertEquals([made.uid, made.gid], [4242, 4243]);
    rmSync(directory.file("src/made"));
    assertEquals(await inside(script, volumes), "0:0\n0:0\n65534:65534\n0");
    assertEquals(statSync(directory.file("src/made")).uid, 4242);
  });

  test("a link on the way and a device are refused, with where it leads and what to write", async () => {
    using directory = scratch();
    symlinkSync("src", directory.file("link"));
    symlinkSync("/nowhere", directory.file("dangling"));
    const bind = (name: string) => code([{ bind: directory.file(name), at: "/x", create: true }]);
    assertEquals(await bind("link"), ["VOLUME_SOURCE_LINK", "/volumes/0"]);
    assertEquals(await bind("dangling/below"), ["VOLUME_SOURCE_LINK", "/volumes/0"]);
    assertEquals(existsSync("/nowhere"), false);
    assertEquals(await code(["/dev/null:/x"]), ["VOLUME_IS_DEVICE", "/volumes/0"]);
  });

  test("a named volume keeps what one run wrote for the next, closed to others", async () => {
    using directory = tempDir();
    const file = directory.write("shop.yaml", "");
    const project = `/var/lib/containerv/volumes/shop-${hash64(directory.path).slice(0, 8)}`;
    try {
      const once = async (script: string) => {
        const container = { policy: "none", volumes: ["data:/d"], commands: [sh(script)] };
        writeFileSync(
          file,
          JSON.stringify({ name: "shop", volumes: { data: {} }, containers: { web: container } }),
        );
        const { load } = await import("../../../mod.ts");
        return (await run(await load(file))).stdout;
      };
      await once("echo kept > /d/file");
      assertEquals(await once("cat /d/file"), "kept\n");
      assertEquals(statSync(project).mode & 0o777, 0o700);
      assertEquals(readFileSync(`${project}/data/file`, "utf8"), "kept\n");
    } finally {
      rmSync(project, { recursive: true, force: true });
      rmEmpty("/var/lib/containerv/volumes");
      rmEmpty("/var/lib/containerv");
    }
  });
});

function rmEmpty(path: string): void {
  try {
    rmSync(path, { recursive: false });
  } catch {
    // Another's are in it, or it is a directory that rmSync leaves to rmdir: the guard of the machine judges.
  }
}

/** A shared mount of our own to mount below: the machine's mounts stay as they are. */
const IN_NAMESPACE = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c"];

describe("volumes with mounts below", { skip: missing(root(), tool("unshare")) }, () => {
  async function withMounts(script: string, spec: object, after = ""): Promise<string> {
    using directory = scratch();
    mkdirSync(directory.file("src/sub"));
    const src = directory.file("src");
    const host =
      `mount -t tmpfs outer ${src} && mount --make-shared ${src} && mkdir ${src}/sub && ` +
      `mount -t tmpfs below ${src}/sub && "$@"; ${after.replaceAll("$SRC", src)}`;
    const { stdout, stderr } = await runSpec({
      policy: { preset: "none", capabilities: ["SYS_ADMIN"] },
      volumes: [{ bind: src, at: "/v", ...spec }],
      commands: [sh(script)],
    }, { prefix: [...IN_NAMESPACE, host, "sh"] });
    assertEquals(stderr, "");
    return stdout.trim();
  }

  test("read-only holds for what is mounted below too", async () => {
    const out = await withMounts("touch /v/x /v/sub/x 2>&1 | grep -c 'Read-only'", {
      readonly: true,
    });
    assertEquals(out, "2");
  });

  for (
    const [propagation, seen] of [["private", "no"], ["slave", "no"], ["shared", "yes"]] as const
  ) {
    test(`B15: propagation: ${propagation}: a mount made inside is ${seen === "no" ? "not " : ""}seen outside`, async () => {
      const out = await withMounts(
        "mount -t tmpfs inner /v/sub && grep -E ' /v ' /proc/self/mountinfo | grep -oE 'master:|shared:' | sort -u | xargs",
        { propagation },
        "grep -q inner /proc/self/mountinfo && echo yes || echo no",
      );
      const peers = { private: [], slave: ["master:"], shared: ["shared:"] }[propagation];
      assertEquals(out.split("\n").filter((line) => line !== ""), [...peers, seen]);
    });
  }
});

describe("volumes of an ordinary user", {
  skip: missing(root(), tool("setpriv"), userns()),
}, () => {
  const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

  test("binds of their own files, memory, secrets; another's owner can't be matched", async () => {
    using directory = scratch();
    chmodSync(directory.path, 0o755);
    chownSync(directory.file("src"), 65534, 65534);
    mkdirSync(directory.file("other"));
    const file = directory.write(
      "box.yaml",
      JSON.stringify({
        policy: "none",
        volumes: [{ bind: "./src", at: "/v", owner: "match" }, { tmpfs: "1MiB", at: "/m" }],
        secrets: { "/run/s": "secret" },
        commands: [sh("cat /v/file /run/s; echo > /v/made; touch /m/x; stat -c %u /v")],
      }),
    );
    const env = {
      HOME: directory.file("src"),
      XDG_RUNTIME_DIR: undefined,
      DENO_DIR: directory.file("src/deno"),
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    };
    const options = { prefix, env, timeoutMs: 60_000 };
    const { code, stdout, stderr } = await runCli(["run", "-q", "--no-cache", file], options);
    assertEquals([code, stdout, stderr], [0, "contentsecret0\n", ""]);
    assertEquals(statSync(directory.file("src/made")).uid, 65534);
    const other = directory.write(
      "other.yaml",
      JSON.stringify({
        volumes: [{ bind: "./other", at: "/v", owner: "match" }],
        commands: [["true"]],
      }),
    );
    const refused = await runCli(["run", "-q", "--no-cache", other], options);
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "OWNER_CANNOT_MATCH");
  });
});

describe("the plan of volumes", { skip }, () => {
  test("says where each comes from and how, with the line that asked", async () => {
    using directory = scratch();
    const { stdout } = await runSpec({
      policy: "none",
      volumes: [`${directory.file("src")}:/x:ro`],
      commands: [["true"]],
    }, { verb: ["plan"] });
    const line = stdout.split("\n").find((text) => text.includes("open_tree(")) ?? "";
    assertStringIncludes(line, `"${directory.file("src")}", OPEN_TREE_CLONE|AT_RECURSIVE), ro,`);
    assert(/:1 volumes\[0\]/.test(line), line);
  });
});
