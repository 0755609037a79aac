// runs-under: bun, deno
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  chmodSync,
  chownSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { describe, test } from "node:test";
import { recallRun, rememberRun } from "../../../../runtime/state/run_cache.ts";
import {
  cacheDirectory,
  type CacheKey,
  cacheName,
  forgetGone,
  readCache,
  writeCache,
} from "../../../../runtime/state/spec_cache.ts";
import { missing, root } from "../../../support/require.ts";
import { tempDir } from "../../../support/temp.ts";

const spec = (text: string): Uint8Array => new TextEncoder().encode(text);

const KEY: CacheKey = {
  file: "box.yaml",
  bytes: spec("commands: [a]\n"),
  directory: "/specs",
  version: "1",
};
const RESULT = { desired: { project: "box", containers: [] }, diagnostics: [], places: {} };

const OTHERS: Readonly<Record<string, CacheKey>> = {
  "another text": { ...KEY, bytes: spec("commands: [b]\n") },
  "another version": { ...KEY, version: "2" },
  "a text that goes on": { ...KEY, bytes: spec("commands: [a]\n#") },
};

/** The only file of a cache's directory. */
function onlyFile(directory: string): string {
  const names = readdirSync(directory);
  assertEquals(names.length, 1);
  return `${directory}/${names[0]}`;
}

describe("cacheDirectory()", () => {
  const rows: readonly [Record<string, string | undefined>, number, string | undefined][] = [
    [{ XDG_CACHE_HOME: "/x", HOME: "/h" }, 1000, "/x/containerv"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/h" }, 1000, "/h/.cache/containerv"],
    [{ HOME: "/h" }, 1000, "/h/.cache/containerv"],
    [{ HOME: "/h" }, 0, "/var/cache/containerv"],
    [{ XDG_CACHE_HOME: "/x" }, 0, "/x/containerv"],
    [{ HOME: "relative" }, 1000, undefined],
    [{}, 1000, undefined],
  ];
  for (const [environment, uid, expected] of rows) {
    test(`${JSON.stringify(environment)} of ${uid}`, () => {
      assertEquals(cacheDirectory(environment, uid), expected);
    });
  }
});

test("cacheName() is short, fit for a file, and its own for each path", () => {
  const names = new Set<string>();
  for (let index = 0; index < 5000; index++) {
    const name = cacheName({ ...KEY, file: `${index}.yaml` });
    assert(/^[0-9a-f]{16}$/.test(name), name);
    names.add(name);
  }
  assertEquals(names.size, 5000);
  assertNotEquals(cacheName({ ...KEY, directory: "/other" }), cacheName(KEY));
  assertEquals(cacheName({ ...KEY, bytes: spec("x"), version: "y" }), cacheName(KEY));
});

describe("the cache of specs", () => {
  test("gives back what was kept, from a file of ours alone in a directory of ours alone", () => {
    using dir = tempDir();
    const directory = dir.file("a/b");
    assertEquals(readCache(directory, KEY), undefined);
    assertEquals(writeCache(directory, KEY, RESULT), undefined);
    assertEquals(readCache<typeof RESULT>(directory, KEY), RESULT);
    assertEquals(statSync(directory).mode & 0o777, 0o700);
    assertEquals(statSync(onlyFile(directory)).mode & 0o777, 0o600);
  });

  test("knows nothing of a spec that changed, nor of one with the same name", () => {
    using dir = tempDir();
    assertEquals(writeCache(dir.path, KEY, RESULT), undefined);
    for (const [what, key] of Object.entries(OTHERS)) {
      assertEquals(readCache(dir.path, key), undefined, what);
    }
    // A collision of names: the file of one path holds the entry of another.
    const text = readFileSync(onlyFile(dir.path), "utf8");
    const other = { ...KEY, file: "other.yaml" };
    writeFileSync(`${dir.path}/${cacheName(other)}.json`, text);
    assertEquals(readCache(dir.path, other), undefined);
    const moved = { ...KEY, directory: "/elsewhere" };
    writeFileSync(`${dir.path}/${cacheName(moved)}.json`, text);
    assertEquals(readCache(dir.path, moved), undefined);
  });

  test("the newer text takes the place of the older", () => {
    using dir = tempDir();
    const newer = { ...KEY, bytes: spec("commands: [c]\n") };
    writeCache(dir.path, KEY, RESULT);
    assertEquals(writeCache(dir.path, newer, { ...RESULT, places: { "": 1 } }), undefined);
    assertEquals(readCache(dir.path, KEY), undefined);
    assertEquals(readCache(dir.path, newer), { ...RESULT, places: { "": 1 } });
    onlyFile(dir.path);
  });

  test("specs that are gone are forgotten with their runs; those that are there, and what is not ours, stay", () => {
    using dir = tempDir();
    const cache = dir.file("cache");
    const there = { ...KEY, directory: dir.path, file: "../some/box.yaml" };
    const gone = { ...KEY, directory: dir.path, file: "gone.yaml" };
    dir.write("box.yaml", "commands: [a]\n");
    // A name that no file can have: the kernel answers neither yes nor no.
    const unseen = { ...KEY, directory: dir.path, file: `${"x".repeat(300)}.yaml` };
    for (const key of [there, gone, unseen]) {
      assertEquals(writeCache(cache, key, RESULT), undefined);
      writeFileSync(`${cache}/${cacheName(key)}.run`, "an image");
    }
    writeFileSync(`${cache}/0123456789abcdef.json`, "{");
    writeFileSync(`${cache}/notes.json`, JSON.stringify({ file: "x", directory: "/nowhere" }));
    const before = readdirSync(cache).sort();
    assertEquals(forgetGone(cache, { dryRun: true }), 1);
    assertEquals(readdirSync(cache).sort(), before);
    assertEquals(forgetGone(cache, { dryRun: false }), 1);
    assertEquals(
      readdirSync(cache).sort(),
      before.filter((name) => !name.startsWith(cacheName(gone))),
    );
    assertEquals(readCache(cache, there), RESULT);
    assertEquals(forgetGone(cache, { dryRun: false }), 0);
    assertEquals(forgetGone(dir.file("none"), { dryRun: false }), 0);
  });

  test("it does not grow without an end, and leaves alone what is not its own", () => {
    using dir = tempDir();
    for (let index = 0; index < 2000; index++) {
      const name = index.toString(16).padStart(16, "0");
      writeFileSync(dir.file(`${name}.${index % 2 === 0 ? "json" : "run"}`), "");
    }
    dir.write("launch/one", "");
    dir.write("notes", "");
    assertEquals(writeCache(dir.path, KEY, RESULT), undefined);
    assertEquals(
      readdirSync(dir.path).sort(),
      [`${cacheName(KEY)}.json`, "launch", "notes"].sort(),
    );
    assertEquals(readCache(dir.path, KEY), RESULT);
  });

  test("a torn file is as good as none", () => {
    using dir = tempDir();
    writeCache(dir.path, KEY, RESULT);
    const path = onlyFile(dir.path);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      assertEquals(readCache(dir.path, KEY), undefined, `${length} bytes`);
    }
    for (const text of ["null", "[]", "3", '""', "{}", '{"result":{}}']) {
      writeFileSync(path, text);
      assertEquals(readCache(dir.path, KEY), undefined, text);
    }
    writeFileSync(path, whole);
    assertEquals(readCache<typeof RESULT>(dir.path, KEY), RESULT);
  });

  test("a directory that others can enter is not trusted", () => {
    using dir = tempDir();
    writeCache(dir.path, KEY, RESULT);
    for (const mode of [0o755, 0o770, 0o701, 0o720]) {
      chmodSync(dir.path, mode);
      assertEquals(readCache(dir.path, KEY), undefined, mode.toString(8));
      assert(writeCache(dir.path, KEY, RESULT)?.includes("0700"));
    }
    chmodSync(dir.path, 0o700);
    symlinkSync(dir.path, dir.file("link"));
    assertEquals(readCache(dir.file("link"), KEY), undefined);
    assert(writeCache(dir.file("link"), KEY, RESULT) !== undefined);
  });

  test("nor one of another owner", { skip: missing(root()) }, () => {
    using dir = tempDir();
    writeCache(dir.path, KEY, RESULT);
    chownSync(dir.path, 65534, 65534);
    assertEquals(readCache(dir.path, KEY), undefined);
    assert(writeCache(dir.path, KEY, RESULT) !== undefined);
    chownSync(dir.path, 0, 0);
    assertEquals(readCache<typeof RESULT>(dir.path, KEY), RESULT);
  });

  test("what can't be written is no error", () => {
    using dir = tempDir();
    dir.write("file", "");
    assert(writeCache(dir.file("file/below"), KEY, RESULT) !== undefined);
    assertEquals(readCache(dir.file("file/below"), KEY), undefined);
  });
});

describe("the cache of runs", () => {
  const SUMMARY = {
    blame: {},
    limits: ["memory 64MiB"],
    policy: "policy none",
    commands: [],
    stop: { signal: 15, graceMs: 10_000 },
  };
  const image = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
  const run = { image, summary: SUMMARY, switches: ["/a", "/b"], fingerprint: "machine" };
  const machine = (switches: readonly string[]) => {
    assertEquals(switches, ["/a", "/b"]);
    return "machine";
  };

  test("gives back the image, byte for byte, and what belongs to it", () => {
    using dir = tempDir();
    assertEquals(recallRun(dir.path, KEY, machine), undefined);
    assertEquals(rememberRun(dir.path, KEY, run), undefined);
    const known = recallRun(dir.path, KEY, machine);
    assertEquals(known?.image, image);
    assertEquals([known?.summary, known?.switches], [SUMMARY, ["/a", "/b"]]);
  });

  test("is for this text, this version, this place, this machine", () => {
    using dir = tempDir();
    rememberRun(dir.path, KEY, run);
    for (const [what, key] of Object.entries(OTHERS)) {
      assertEquals(recallRun(dir.path, key, machine), undefined, what);
    }
    assertEquals(recallRun(dir.path, KEY, () => "another"), undefined);
    const other = { ...KEY, file: "other.yaml" };
    writeFileSync(`${dir.path}/${cacheName(other)}.run`, readFileSync(onlyFile(dir.path)));
    assertEquals(recallRun(dir.path, other, machine), undefined);
  });

  test("a torn file is as good as none", () => {
    using dir = tempDir();
    rememberRun(dir.path, KEY, run);
    const path = onlyFile(dir.path);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      assertEquals(recallRun(dir.path, KEY, () => "machine"), undefined, `${length} bytes`);
    }
    writeFileSync(path, new Uint8Array(whole.length));
    assertEquals(recallRun(dir.path, KEY, () => "machine"), undefined);
  });

  test("a directory that others can enter is not trusted: an image from it would run as us", () => {
    using dir = tempDir();
    rememberRun(dir.path, KEY, run);
    chmodSync(dir.path, 0o755);
    assertEquals(recallRun(dir.path, KEY, machine), undefined);
  });
});
