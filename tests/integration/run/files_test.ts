/** `inputs:` and `outputs:`: what is in the container, what is on the host, and what can lead neither astray. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ContainervError, load, run } from "../../../mod.ts";
import { guardWorld } from "../cli/sandbox.ts";
import { runCli } from "../../support/cli.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

guardWorld();
const skip = missing(root());

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Nothing half-made stays. */
function leftovers(directory: TempDir): readonly string[] {
  return readdirSync(directory.path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes(".containerv"));
}

async function runFile(
  directory: TempDir,
  spec: object,
): Promise<Awaited<ReturnType<typeof run>>> {
  const file = directory.write("box.yaml", JSON.stringify({ policy: "none", ...spec }));
  return await run(await load(file));
}

describe("inputs and outputs, as root", { skip }, () => {
  test("in before the first command, out after the last: modes, owners, links, volumes, digests", async () => {
    using directory = tempDir();
    directory.write("site.mk", "all:\n");
    directory.write("src/deep/a", "a\n");
    chmodSync(directory.write("src/run.sh", "#!/bin/sh\n"), 0o750);
    symlinkSync("deep/a", directory.file("src/link"));
    mkdirSync(directory.file("kept"));
    directory.write("dist/old", "old\n");
    chownSync(directory.file("kept"), 1234, 1235);
    const result = await runFile(directory, {
      user: "1000:100",
      inputs: [
        { from: "./site.mk", to: "/build/Makefile", mode: "0640" },
        { from: "./src", to: "/build/" },
      ],
      outputs: [
        { from: "/tmp/dist", to: "./dist" },
        { from: "/vol/report", to: "./kept/", when: "always" },
        { from: "/tmp/way", to: "./new/way/there", mode: "0600" },
      ],
      volumes: [{ tmpfs: "1MiB", at: "/vol", mode: "1777" }],
      commands: [
        "cd /build; stat -c '%n %a %u:%g' Makefile src src/run.sh src/deep/a; readlink src/link; cat src/link",
        "mkdir -p /tmp/dist/d; echo x > /tmp/dist/x; echo y > /tmp/dist/d/y; chmod 4755 /tmp/dist/x; " +
        "ln -s /etc/shadow /tmp/dist/link; echo r > /vol/report; echo w > /tmp/way",
      ],
    });
    assertEquals([result.code, result.stderr], [0, ""]);
    assertEquals(result.stdout.trim().split("\n"), [
      "Makefile 640 1000:100",
      "src 755 1000:100",
      "src/run.sh 750 1000:100",
      "src/deep/a 644 1000:100",
      "deep/a",
      "a",
    ]);
    assertEquals(readdirSync(directory.file("dist")).sort(), ["d", "link", "old", "x"]);
    assertEquals(readFileSync(directory.file("dist/d/y"), "utf8"), "y\n");
    assertEquals(statSync(directory.file("dist/x")).mode & 0o7777, 0o755);
    assert(lstatSync(directory.file("dist/link")).isSymbolicLink());
    const report = statSync(directory.file("kept/report"));
    assertEquals([report.uid, report.gid], [1234, 1235]);
    assertEquals(statSync(directory.file("new/way/there")).mode & 0o7777, 0o600);
    const [dist, kept, there] = result.outputs ?? [];
    assertEquals([dist?.to, dist?.files, dist?.directories], [directory.file("dist"), 2, 2]);
    assertEquals([kept?.to, kept?.digest], [directory.file("kept/report"), sha256("r\n")]);
    assertEquals([there?.from, there?.digest], ["/tmp/way", sha256("w\n")]);
    assertEquals(leftovers(directory), []);
  });

  test("ids of a user namespace of its own", async () => {
    using directory = tempDir();
    directory.write("src/a", "a\n");
    const ids = [{ inside: 0, outside: 100000, count: 65536 }];
    const { stdout, outputs } = await runFile(directory, {
      userns: { uids: ids, gids: ids },
      user: "5:6",
      inputs: [{ from: "./src", to: "/deep/er/" }],
      outputs: [{ from: "/tmp/out", to: "./out" }],
      commands: ["stat -c %u:%g /deep/er/src/a; echo o > /tmp/out"],
    });
    assertEquals([stdout, outputs?.[0]?.digest], ["5:6\n", sha256("o\n")]);
    assertEquals(statSync(directory.file("out")).uid, 0);
  });

  test("after a failure only what is kept always; the line says so", async () => {
    using directory = tempDir();
    const file = directory.write(
      "02-build.yaml",
      [
        "outputs:",
        "  - {from: /tmp/dist, to: ./dist}",
        "  - {from: /tmp/junit.xml, to: ./reports/, when: always}",
        "  - {from: /tmp/never, to: ./never, when: always}",
        "commands:",
        "  - mkdir /tmp/dist; echo x > /tmp/junit.xml",
        "  - {name: build, exec: [/bin/sh, -c, 'exit 2']}",
        "  - echo not reached",
        "policy: none",
      ].join("\n"),
    );
    const result = await runCli(["run", "02-build.yaml"], { cwd: dirname(file) });
    assertEquals([result.code, result.stdout], [2, ""]);
    assertMatch(result.stderr, /^02-build\.yaml:4:6: error OUTPUT_MISSING: /m);
    assertMatch(
      result.stderr,
      /^✘ step 2\/3 build: exit 2 \(02-build\.yaml:7\) · kept: reports\/junit\.xml · /m,
    );
    assertEquals(readFileSync(directory.file("reports/junit.xml"), "utf8"), "x\n");
    assert(!existsSync(directory.file("dist")));
  });

  test("what is not there: before anything is done, or after a success a failure of ours", async () => {
    using directory = tempDir();
    const missing = await assertRejects(
      () => runFile(directory, { inputs: [{ from: "./no", to: "/in" }], commands: ["true"] }),
      ContainervError,
    );
    assertEquals([missing.code, missing.facts.undone], ["INPUT_MISSING", "nothing was done"]);
    const unmade = await assertRejects(
      () => runFile(directory, { outputs: [{ from: "/no", to: "./no" }], commands: ["true"] }),
      ContainervError,
    );
    assertEquals(unmade.code, "OUTPUT_MISSING");
    const full = await assertRejects(
      () =>
        runFile(directory, {
          inputs: [{ from: "./big", to: "/vol/" }],
          volumes: [{ tmpfs: "64KiB", at: "/vol" }],
          commands: ["echo never"],
        }),
      ContainervError,
      "",
      `${directory.write("big", new Uint8Array(1 << 20))}`,
    );
    assertEquals([full.code, full.facts.pointer], ["COPY_FAILED", "/inputs/0"]);
    assertMatch(full.message, /ENOSPC/);
  });

  test("links of the container lead nowhere on the host, planted before or meanwhile", async () => {
    using directory = tempDir();
    using other = tempDir();
    const secret = other.write("secret", "secret\n");
    mkdirSync(directory.file("shared"));
    symlinkSync(other.path, directory.file("shared/planted"));
    const planted = [
      [{ inputs: [{ from: "./shared/planted/secret", to: "/in" }] }, "INPUT_LINK"],
      [{ outputs: [{ from: "/tmp/a", to: "./shared/planted/" }] }, "OUTPUT_LINK"],
      [{ outputs: [{ from: "/tmp/a", to: "./shared/planted" }] }, "OUTPUT_LINK"],
    ] as const;
    for (const [spec, code] of planted) {
      const error = await assertRejects(
        () => runFile(directory, { ...spec, commands: ["true"] }),
        ContainervError,
      );
      assertEquals(error.code, code);
    }
    // It exchanges the directory that an output goes to, and leaves a link to the host's file as its output.
    mkdirSync(directory.file("shared/out"));
    const result = await runFile(directory, {
      volumes: ["./shared:/shared"],
      inputs: [{ from: "./shared/out", to: "/tmp/" }],
      outputs: [{ from: "/tmp/a", to: "./shared/out/" }, { from: "/tmp/link", to: "./leak" }],
      commands: [
        `rmdir /shared/out; ln -s ${other.path} /shared/out; echo a > /tmp/a; ` +
        `mkdir -p ${other.path}; echo mine > ${secret}; ln -s ${secret} /tmp/link`,
      ],
    }).catch((error: ContainervError) => error);
    assert(result instanceof ContainervError);
    assertEquals(readdirSync(other.path), ["secret"]);
    assertEquals(readFileSync(secret, "utf8"), "secret\n");
    assertEquals(readFileSync(directory.file("leak"), "utf8"), "mine\n");
  });
});

describe("inputs and outputs, as an ordinary user", () => {
  const ordinary = missing(root(), tool("setpriv"), userns());
  test("the same, and all of it is theirs", { skip: ordinary }, async () => {
    using directory = tempDir();
    directory.write("in", "given\n");
    directory.write(
      "box.yaml",
      JSON.stringify({
        policy: "none",
        inputs: [{ from: "./in", to: "/job/in" }],
        outputs: [{ from: "/job", to: "./out" }],
        commands: ["cp /job/in /job/made; stat -c %u /job/in"],
      }),
    );
    chmodSync(directory.path, 0o755);
    for (const name of [".", "in", "box.yaml"]) chownSync(directory.file(name), 65534, 65534);
    const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    const result = await runCli(["run", "box.yaml"], {
      prefix,
      cwd: directory.path,
      env: { HOME: "/tmp", XDG_RUNTIME_DIR: undefined, XDG_CACHE_HOME: undefined },
    });
    assertEquals([result.code, result.stdout], [0, "0\n"], result.stderr);
    assertMatch(result.stderr, /^out · 2 files, 12 bytes · sha256:[0-9a-f]{64}$/m);
    const made = statSync(directory.file("out/made"));
    assertEquals([made.uid, readFileSync(directory.file("out/made"), "utf8")], [65534, "given\n"]);
  });
});
