/** `cp` of archives over standard input and output: what tar packs arrives, what comes out tar unpacks, what is bad changes nothing. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { cliCommand, runCli } from "../../support/cli.ts";
import { missing, root, tool } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";
import { guardWorld } from "./sandbox.ts";

guardWorld();
const skip = missing(root(), tool("tar"));

test("in, out, and back", { skip }, async () => {
  using directory = tempDir();
  const cwd = directory.path;
  directory.write("box.yaml", "policy: none\nvolumes: [{tmpfs: 1MiB, at: /small}]\n");
  directory.write("tree/a", "a\n");
  directory.write(`tree/d/${"x".repeat(150)}`, "deep\n");
  symlinkSync("/etc/shadow", directory.file("tree/link"));
  const tar = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync("tar", args, { cwd, maxBuffer: 1 << 24 });
    assertEquals([status, stderr.toString()], [0, ""]);
    return new Uint8Array(stdout);
  };
  const sent = tar("-c", "--owner=1000", "--group=100", "-C", "tree", "-z", ".");
  const scratch = () => readdirSync(tmpdir()).filter((name) => name.startsWith("containerv-cp-"));
  const before = scratch();
  const up = await runCli(["up", "-d", "box.yaml"], { cwd });
  assertEquals(up.code, 0, up.stderr);
  const cp = (args: readonly string[], stdin?: Uint8Array) =>
    runCli(["cp", "--file", "box.yaml", ...args], {
      cwd,
      ...(stdin === undefined ? {} : { stdin }),
    });
  try {
    const into = await cp(["--json", "-", "box:/srv/new"], sent);
    assertEquals(into.code, 0, into.stderr);
    const said = JSON.parse(into.stdout);
    const digest = createHash("sha256").update(sent).digest("hex");
    assertEquals([said.files, said.directories, said.archive], [2, 1, `sha256:${digest}`]);
    const look = "stat -c %u:%g /srv/new/a; readlink /srv/new/link";
    const words = ["exec", "box", "--file", "box.yaml", "--", "/bin/sh", "-c", look];
    const seen = await runCli(words, { cwd });
    assertEquals(seen.stdout, "1000:100\n/etc/shadow\n");

    const [program = "", ...own] = cliCommand();
    const out = spawnSync(program, [...own, "cp", "--file", "box.yaml", "box:/srv/new", "-"], {
      cwd,
      maxBuffer: 1 << 24,
    });
    assertEquals([out.status, out.stderr.toString()], [0, ""]);
    directory.write("out.tar", new Uint8Array(out.stdout));
    mkdirSync(directory.file("back"));
    tar("-x", "-p", "-f", "out.tar", "-C", "back");
    assertEquals(readFileSync(directory.file(`back/new/d/${"x".repeat(150)}`), "utf8"), "deep\n");
    assertEquals(statSync(directory.file("back/new/a")).uid, 1000);

    await refuseBad({ cp, sent, tar, directory });
  } finally {
    const down = await runCli(["down", "box.yaml"], { cwd });
    assertEquals(down.code, 0, down.stderr);
  }
  assertEquals(scratch(), before);
});

interface Trying {
  readonly cp: (args: readonly string[], stdin?: Uint8Array) => ReturnType<typeof runCli>;
  readonly tar: (...args: readonly string[]) => Uint8Array;
  readonly sent: Uint8Array;
  readonly directory: TempDir;
}

async function refuseBad({ cp, sent, tar, directory }: Trying): Promise<void> {
  // Cut short, out of its directory, larger than the place: the first two change nothing.
  const short = await cp(["-", "box:/srv/none"], sent.subarray(0, 100));
  assertEquals([short.code, /ARCHIVE_DAMAGED/.test(short.stderr)], [2, true], short.stderr);
  const evil = tar("-c", "-P", "--transform=s,^a$,../../evil,", "-C", "tree", "a");
  const refused = await cp(["-", "box:/srv/none"], evil);
  assertMatch(refused.stderr, /ARCHIVE_REFUSED/);
  directory.write("big", new Uint8Array(2 << 20));
  const full = await cp(["-", "box:/small"], tar("-c", "big"));
  assertEquals([full.code, /ENOSPC/.test(full.stderr)], [2, true], full.stderr);
  const none = await cp(["box:/srv/none", "-"]);
  assertEquals([none.code, none.stdout], [2, ""]);
  assert(/ENOENT/.test(none.stderr), none.stderr);
}
