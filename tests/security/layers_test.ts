/** B5, B6, B7, B11: what a layer holds can't make us make, mount or change anything outside the container. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  guardWorld,
  plainHostRoot,
  runSpec,
  sh,
  type SpecObject,
} from "../integration/cli/sandbox.ts";
import { missing, root, tool } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { type CliOptions, runProgram } from "../support/cli.ts";

guardWorld();
const skip = missing(root());

/** Everything about a tree that an intruder could change. */
function fingerprint(path: string): string {
  const lines = [
    path,
    ...readdirSync(path, { recursive: true }).map((name) => join(path, String(name))),
  ].map((one) => {
    const { mode, uid, gid, size, mtimeNs, ctimeNs } = statSync(one, { bigint: true });
    return `${one} ${mode} ${uid} ${gid} ${size} ${mtimeNs} ${ctimeNs}`;
  });
  return lines.join("\n");
}

function makeVictim(): TempDir {
  const victim = tempDir("containerv-victim-");
  chmodSync(victim.path, 0o755);
  victim.write("sub/file", "untouched");
  for (const name of ["null", "shm", "pts", "hostname", "hosts", "self", "mqueue"]) {
    victim.write(`kept/${name}`, "untouched");
  }
  return victim;
}

/** The links of each case: place in the layer → what it points to. */
type Links = (victim: string) => Readonly<Record<string, string>>;
const absolute = (names: readonly string[]): Links => (victim) =>
  Object.fromEntries(names.map((name) => [name, victim]));
const relative = (names: readonly string[]): Links => (victim) =>
  Object.fromEntries(names.map((name) => [name, `../../../../../../../..${victim}`]));

const TOP = ["dev", "proc", "sys", "etc", "tmp", "run", "var", "root", "home"];
const DEEP = [
  "dev/pts",
  "dev/shm",
  "dev/mqueue",
  "dev/null",
  "dev/fd",

  "sys/fs/cgroup",
  "proc/self",
  "etc/hostname",
];
const CASES: Readonly<Record<string, Links>> = Object.fromEntries([
  ...TOP.flatMap((
    name,
  ) => [[`/${name}, absolute`, absolute([name])], [`/${name}, by ..`, relative([name])]]),
  ["all at once, absolute", absolute(TOP)],
  ["below, absolute", absolute(DEEP)],
  ["below, by ..", relative(DEEP)],
  ["magic links", () => Object.fromEntries(TOP.map((name) => [name, "/proc/self/root/tmp"]))],
  ["the old root", () => ({ dev: "/oldroot/dev", proc: "/.old/proc", sys: "/../../sys" })],
  [
    "a chain",
    (victim: string) => ({
      dev: "a",
      a: "b",
      b: "c",
      c: victim,
      proc: "proc",
      sys: "sys2",
      sys2: "sys",
    }),
  ],
] as [string, Links][]);

const FORMS: Readonly<Record<string, (dir: string) => SpecObject>> = {
  "dir over host: /": (dir) => ({ layers: [{ host: "/" }, { dir }] }),
  "dir alone": (dir) => ({ layers: [{ dir }] }),
  "path": (dir) => ({ path: dir }),
};

describe("B5: a layer with links where we make and mount", { skip }, () => {
  for (const [form, rootfs] of Object.entries(FORMS)) {
    for (const writable of form === "path" ? [undefined] : ["tmpfs", false]) {
      test(`${form}${writable === undefined ? "" : `, writable: ${writable}`}: the victim stays as it is`, async () => {
        // The root is closed at the very end: until then read-only is no different.
        const names = Object.keys(CASES).filter((_, at) => writable !== false || at % 4 === 0);
        for (let at = 0; at < names.length; at += 4) {
          await Promise.all(
            names.slice(at, at + 4).map((name) =>
              attack(CASES[name] ?? absolute([]), { rootfs, writable, name })
            ),
          );
        }
      });
    }
  }
});

async function attack(
  links: Links,
  how: {
    rootfs: (dir: string) => SpecObject;
    writable: string | boolean | undefined;
    name: string;
  },
): Promise<void> {
  using victim = makeVictim();
  using layer = tempDir("containerv-layer-");
  chmodSync(layer.path, 0o755);
  for (const [place, target] of Object.entries(links(victim.path))) {
    mkdirSync(join(layer.file(place), ".."), { recursive: true });
    symlinkSync(target, layer.file(place));
  }
  const before = fingerprint(victim.path);
  const rootfs = {
    ...how.rootfs(layer.path),
    ...(how.writable === undefined ? {} : { writable: how.writable }),
  };
  const options: CliOptions = { timeoutMs: 60_000 };
  // Whether it runs or is refused is another matter: outside, nothing changes.
  const { code, stderr } = await runSpec({
    policy: "none",
    rootfs,
    workdir: "/home/made/here",
    commands: [["/bin/true"]],
  }, options);
  assert([0, 125, 127].includes(code ?? -1), `${how.name}: ${code} ${stderr}`);
  assertEquals(stderr.includes("BUG"), false, stderr);
  assertEquals(fingerprint(victim.path), before, how.name);
  assertEquals(existsSync("/home/made"), false);
  assertEquals(existsSync("/oldroot"), false);
}

describe("B11: working directories and places of layers through links", { skip }, () => {
  for (const target of ["absolute", "by .."]) {
    test(`workdir and at: below a link, ${target}`, async () => {
      using victim = makeVictim();
      using layer = tempDir();
      using other = tempDir();
      chmodSync(layer.path, 0o755);
      other.write("content", "x");
      symlinkSync(
        target === "absolute" ? victim.path : `../../../../..${victim.path}`,
        layer.file("l"),
      );
      const before = fingerprint(victim.path);
      const specs: readonly SpecObject[] = [
        { rootfs: { layers: [{ host: "/" }, { dir: layer.path }] }, workdir: "/l/made" },
        {
          rootfs: {
            layers: [{ host: "/" }, { dir: layer.path }, { dir: other.path, at: "/l/at" }],
          },
        },
        {
          rootfs: {
            layers: [{ host: "/" }, { dir: layer.path }, {
              dir: other.path,
              at: "/l/../../../tmp/at",
            }],
          },
        },
        { rootfs: { layers: [{ host: "system" }, { dir: layer.path }] }, workdir: "/l/made" },
      ];
      for (const spec of specs) {
        const { code, stderr } = await runSpec({
          policy: "none",
          ...spec,
          commands: [["/bin/true"]],
        });
        assert(code === 0 || code === 125, `${code} ${stderr}`);
        assertEquals(fingerprint(victim.path), before);
      }
      assertEquals(existsSync("/tmp/at"), false);
    });
  }
});

describe("layers are read, never written", { skip }, () => {
  test("dir and at: layers keep every byte, mode and time, whatever root in the container does", async () => {
    using low = tempDir();
    using high = tempDir();
    for (const one of [low, high]) {
      one.write("d/file", "content");
      chmodSync(one.path, 0o755);
    }
    const before = [fingerprint(low.path), fingerprint(high.path)];
    const script =
      "for d in / /mnt/at; do cd $d; echo new > d/file; chmod 777 d d/file; chown 5:5 d/file; rm -rf d; mkdir -p e; mv d f; ln -s x y; done 2>/dev/null; true";
    for (const base of plainHostRoot() === undefined ? ["system", "/"] : ["system"]) {
      const layers = [{ host: base }, { dir: low.path }, { dir: high.path, at: "/mnt/at" }];
      const { code, stderr } = await runSpec({
        policy: "none",
        rootfs: { layers },
        commands: [sh(script)],
      });
      assertEquals([code, stderr], [0, base === "/" ? stderr : ""]);
      assertEquals([fingerprint(low.path), fingerprint(high.path)], before);
    }
  });

  test("setuid files and device nodes of a layer are none inside", async () => {
    using layer = tempDir();
    chmodSync(layer.path, 0o755);
    writeFileSync(layer.file("s"), readFileSync("/bin/dash"));
    chmodSync(layer.file("s"), 0o4755);
    await runProgram(["mknod", layer.file("disk"), "c", "1", "3"]);
    for (const at of ["/", "/mnt/at"]) {
      const layers = [{ host: "system" }, { dir: layer.path, at }];
      const base = at === "/" ? "" : at;
      const script = `${base}/s -p -c 'id -u'; (: < ${base}/disk) 2>/dev/null && echo device; true`;
      const { stdout, stderr } = await runSpec({
        policy: "none",
        user: "1000",
        rootfs: { layers },
        commands: [sh(script)],
      });
      assertEquals([stdout, stderr], ["1000\n", ""], at);
    }
  });

  test("paths with spaces, commas, colons, newlines and quotes are names like any other", async () => {
    for (const name of ["a b", "a,b", "a:b", "a\nb", 'a"b', "a\\b", "ä€😀", "$(touch x)", "-x"]) {
      using directory = tempDir();
      chmodSync(directory.path, 0o755);
      directory.write(`${name}/here`, name);
      chmodSync(directory.file(name), 0o755);
      const { code, stdout, stderr } = await runSpec({
        policy: "none",
        rootfs: { layers: [{ host: "system" }, { dir: directory.file(name) }] },
        commands: [["/bin/cat", "/here"]],
      });
      assertEquals([code, stdout, stderr], [0, name, ""], name);
    }
  });

  test("a layer that can't be is refused with its place and a fix, and nothing is left", async () => {
    using directory = tempDir();
    const file = directory.write("file", "x");
    for (const dir of [file, directory.file("absent"), "/proc/self/fd/0", "/dev/null"]) {
      const { code, stderr } = await runSpec({
        policy: "none",
        rootfs: { layers: [{ host: "system" }, { dir }] },
        commands: [["/bin/true"]],
      }, { verb: ["run", "--no-cache"] });
      assertEquals(code, 125, dir);
      assert(/box\.yaml:1:\d+: error/.test(stderr), stderr);
      assertNotEquals(/BUG|\n\s+at /.test(stderr), true, stderr);
    }
  });
});

describe("S8, A2: what /proc/self/exe is", { skip: missing(root(), tool("sha256sum")) }, () => {
  test("as the command it is the stage, not the runtime: the host's binaries stay whole", async () => {
    const { runtimeHash } = await import("./runtime_hash.ts");
    const before = runtimeHash();
    using layer = tempDir();
    chmodSync(layer.path, 0o755);
    symlinkSync("/proc/self/exe", layer.file("entry"));
    layer.write("script", "#!/proc/self/exe\n");
    chmodSync(layer.file("script"), 0o755);
    const layers = [{ host: "system" }, { dir: layer.path }];
    for (const program of ["/proc/self/exe", "/entry", "/script", "/proc/1/exe"]) {
      for (const init of [false, true]) {
        const { code, timedOut } = await runSpec({
          policy: { preset: "none", capabilities: ["SYS_PTRACE", "DAC_OVERRIDE", "FOWNER"] },
          init,
          rootfs: { layers },
          commands: [{ exec: [program], timeout: "2s" }],
        }, { timeoutMs: 30_000 });
        assertEquals(timedOut, false, program);
        // It is the stage, whose calls are denied here: it ends by itself, with whatever status.
        assertNotEquals(code, null, program);
      }
    }
    assertEquals(runtimeHash(), before);
  });

  test("PID 1's file can't be written, made longer, or lose its mode for the next container", async () => {
    const script = [
      "(echo x > /proc/1/exe) 2>/dev/null && echo written",
      "(echo x >> /proc/1/exe) 2>/dev/null && echo appended",
      "truncate -s 0 /proc/1/exe 2>/dev/null && echo truncated",
      "for i in 1 2 3 4 5 6 7 8 9 10; do (exec 3<>/proc/1/exe) 2>/dev/null && echo opened; done",
      "chmod 0 /proc/1/exe 2>/dev/null; echo end",
    ].join("\n");
    const spec = {
      init: true,
      policy: { preset: "none", capabilities: ["SYS_PTRACE", "DAC_OVERRIDE", "FOWNER"] },
      commands: [sh(script)],
    };
    for (let round = 0; round < 2; round++) {
      const { code, stdout } = await runSpec(spec);
      assertEquals([code, stdout], [0, "end\n"]);
    }
  });
});
