/**
 * T1–T8, T10: what hostile, changed and cut archives do, which is nothing outside of their directory. CONTAINERV_FLIPS=1000 changes and
 * cuts the good ones as often; the default is few.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { ImageError } from "../../runtime/image/error.ts";
import { openImage } from "../../runtime/image/oci/image.ts";
import { openStore } from "../../runtime/image/store.ts";
import {
  type ArchiveMemory,
  archiveMemory,
  compareDigests,
  type Expected,
  openArchive,
  readArchive,
  unpackArchive,
} from "../../runtime/image/unpack.ts";
import { surveyArchive } from "../../runtime/image/survey.ts";
import { createTree } from "../../runtime/image/unpack/tree.ts";
import type { TarLimits } from "../../runtime/image/tar/read.ts";
import { hostileArchives } from "../support/hostile/archives.ts";
import { goArchitecture, image, layout, sha256, writeLayout } from "../support/oci_layout.ts";
import { chosenSeed, random } from "../support/random.ts";
import { missing, root } from "../support/require.ts";
import { archive, entry, header, pax } from "../support/tar.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const skip = missing(root());
const FLIPS = Number(process.env["CONTAINERV_FLIPS"] ?? 40);
const SEED = chosenSeed(12);

/** `TYPE PATH DETAIL` of all that lies below, sorted. */
function listTree(path: string, prefix = ""): string[] {
  return readdirSync(path).flatMap((name) => {
    const stat = lstatSync(`${path}/${name}`);
    const line = describe(`${path}/${name}`, `${prefix}${name}`, stat);
    return stat.isDirectory()
      ? [line, ...listTree(`${path}/${name}`, `${prefix}${name}/`)]
      : [line];
  }).sort();
}

function describe(path: string, name: string, stat: Stats): string {
  const bits = (stat.mode & 0o7000) === 0 ? "" : ` ${(stat.mode & 0o7777).toString(8)}`;
  const device = `${Number(BigInt(stat.rdev) >> 8n & 0xfffn)}:${stat.rdev & 0xff}`;
  if (stat.isDirectory()) return `d ${name}`;
  if (stat.isSymbolicLink()) return `l ${name} -> ${readlinkSync(path)}`;
  if (stat.isCharacterDevice()) return `c ${name} ${device}`;
  if (stat.isBlockDevice()) return `b ${name} ${device}`;
  return stat.isFIFO() ? `p ${name}` : `f ${name} ${stat.size}${bits}`;
}

interface Bench {
  readonly directory: TempDir;
  readonly target: string;
  readonly victim: string;
  readonly memory: ArchiveMemory;
}

interface Unpacked {
  readonly files: readonly string[];
  readonly diffId: string;
}

/** Unpacks into `target` as the store does, without the wait for the disk. */
async function unpack(
  { directory, target, memory }: Bench,
  bytes: Uint8Array,
  { limits, ...expected }: Expected & { readonly limits?: TarLimits } = {},
): Promise<Unpacked | ImageError> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  using opened = openArchive(directory.write("archive", bytes));
  using fd = Fd.open(openat({ pathname: target, flags: O_RDONLY | O_DIRECTORY | O_CLOEXEC }));
  const { arena, piece } = memory;
  const tree = createTree(fd.number, { arena, piece, root: true, uid: 0, gid: 0 });
  try {
    const digests = await readArchive(opened, tree, {
      memory,
      ...(limits === undefined ? {} : { limits }),
    });
    compareDigests("archive", digests, expected);
    tree.finish();
    return { files: listTree(target), diffId: digests.diffId };
  } catch (error) {
    // Anything else is a fault of ours, whatever the archive is.
    if (!(error instanceof ImageError)) throw error;
    return error;
  } finally {
    tree.close();
  }
}

/** Everything of the victim that could be changed. */
function fingerprint(victim: string): string {
  return ["", "canary", "sub", "sub/canary"].map((name) => {
    const { mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = statSync(`${victim}/${name}`, {
      bigint: true,
    });
    return `${name} ${[mode, uid, gid, nlink, size, mtimeNs, ctimeNs].join(" ")}`;
  }).join("\n");
}

function bench(): Bench & Disposable {
  const directory = tempDir();
  directory.write("victim/canary", "canary");
  directory.write("victim/sub/canary", "canary");
  const memory = archiveMemory(0);
  return {
    directory,
    target: directory.file("target"),
    victim: directory.file("victim"),
    memory,
    [Symbol.dispose]() {
      memory[Symbol.dispose]();
      directory[Symbol.dispose]();
    },
  };
}

test("T1–T8: each hostile archive is refused for its reason, or gives exactly its files", {
  skip,
}, async () => {
  using where = bench();
  const before = fingerprint(where.victim);
  const around = readdirSync(where.directory.path);
  const cases = hostileArchives(where.victim);
  assert(cases.length >= 200, `only ${cases.length} archives`);
  assertEquals(new Set(cases.map(({ name }) => name)).size, cases.length, "a name twice");
  const wrong: string[] = [];
  for (const { name, bytes, limits, expect } of cases) {
    const result = await unpack(where, bytes, limits === undefined ? {} : { limits });
    const got = result instanceof ImageError ? `${result.code} ${result.message}` : result.files;
    if ("files" in expect) {
      const same = !(result instanceof ImageError) &&
        JSON.stringify(result.files) === JSON.stringify([...expect.files].sort());
      if (!same) wrong.push(`${name}: ${JSON.stringify(got)}`);
    } else if (
      !(result instanceof ImageError) || result.code !== expect.code ||
      !expect.message.test(result.message)
    ) wrong.push(`${name}: ${JSON.stringify(got)}`);
    if (fingerprint(where.victim) !== before) wrong.push(`${name}: the victim was touched`);
  }
  assertEquals(wrong, [], `${cases.length} archives`);
  const now = readdirSync(where.directory.path).filter((name) => !/^(archive|target)$/.test(name));
  assertEquals(now, around);
});

/** Something of everything. */
const GOOD = archive(
  header({ name: "./", type: "5", mode: 0o755 }),
  header({ name: "bin/", type: "5", mode: 0o755 }),
  entry({ name: "bin/tool", data: random(3).bytes(3000), mode: 0o755 }),
  header({ name: "bin/other", type: "1", link: "bin/tool" }),
  header({ name: "sh", type: "2", link: "bin/tool" }),
  pax({ path: "a/b/c/d", uid: "100000", mtime: "1234567890.5", "SCHILY.xattr.user.x": "y" }),
  entry({ name: "d", data: "text" }),
  header({ name: "null", type: "3", major: 1, minor: 3 }),
);

/** `count` times one bit changed, and `count` times cut. */
function* spoiled(bytes: Uint8Array, count: number): Generator<readonly [string, Uint8Array]> {
  const dice = random(SEED);
  for (let index = 0; index < count; index++) {
    const bit = dice.below(bytes.length * 8);
    const copy = Uint8Array.from(bytes);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    yield [`bit ${bit} changed`, copy];
    const length = dice.below(bytes.length);
    yield [`cut at ${length}`, bytes.slice(0, length)];
  }
}

/**
 * A plain archive has no checksum of its data: what is compared is its digest, which a spec or an image gives. gzip and zstd have one
 * of their own, so they are also read without.
 */
const FORMS = {
  "plain, by its digest": { bytes: GOOD, expected: { digest: sha256(GOOD) } },
  "gzip, by its checksum alone": { bytes: new Uint8Array(gzipSync(GOOD)), expected: {} },
  "zstd, by its checksum alone": {
    bytes: new Uint8Array(zstdCompressSync(GOOD, { params: { 201: 1 } })),
    expected: {},
  },
} as const;

for (const [form, { bytes, expected }] of Object.entries(FORMS)) {
  test(`T10: an archive with a bit changed or cut is not accepted: ${form}`, { skip }, async () => {
    using where = bench();
    const good = await unpack(where, bytes, expected);
    assert(!(good instanceof ImageError), String(good));
    const before = fingerprint(where.victim);
    const accepted: string[] = [];
    for (const [what, other] of spoiled(bytes, FLIPS)) {
      const result = await unpack(where, other, expected);
      // The name and the time in gzip's header are nobody's: what is in it is the same then.
      if (result instanceof ImageError || result.diffId === good.diffId) continue;
      accepted.push(`${what}: ${result.files.join("; ")}`);
    }
    assertEquals(accepted, [], `seed ${SEED}`);
    assertEquals(fingerprint(where.victim), before);
  });
}

test("T10, T17: an archive that is not good leaves nothing in the store", { skip }, async () => {
  using directory = tempDir();
  const data = directory.file("data");
  openStore(data);
  const [[, changed] = ["", GOOD]] = [...spoiled(GOOD, 1)];
  using opened = openArchive(directory.write("archive", changed));
  const expected = { digest: sha256(GOOD) };
  const error = await unpackArchive(data, opened, expected).catch((reason) => reason);
  assert(error instanceof ImageError, String(error));
  assertEquals(readdirSync(`${data}/layers`), []);
});

/** Reads an image to its end, as a plan does; gives the digests of what it has. */
async function readImage(path: string, digest: string): Promise<string | ImageError> {
  try {
    using opened = await openImage({ form: "oci", path, digest, architecture: goArchitecture() });
    for (const { range, digest, diffId } of opened.layers) {
      await surveyArchive(
        { ...range, name: path },
        { diffId, ...(digest === undefined ? {} : { digest }) },
      );
    }
    return JSON.stringify([opened.digest, opened.config, opened.layers.map((one) => one.diffId)]);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    return error;
  }
}

test("T9–T11: a layout with a bit changed or a file cut is the image that was asked for, or none", {
  skip,
}, async () => {
  using directory = tempDir();
  const made = image({ layers: [GOOD, archive(entry({ name: "up" }))], config: { Cmd: ["/x"] } });
  const files = layout(made.files, [made.manifest]);
  const path = directory.file("img");
  writeLayout(path, files);
  const { digest } = made.manifest;
  const good = await readImage(path, digest);
  assert(typeof good === "string", String(good));
  const names = [...files.keys()];
  const accepted: string[] = [];
  let same = 0;
  for (const [index, name] of names.entries()) {
    const bytes = files.get(name) ?? new Uint8Array(0);
    const share = Math.ceil(FLIPS / names.length);
    for (const [what, other] of spoiled(bytes, share)) {
      directory.write(`img/${name}`, other);
      const result = await readImage(path, digest);
      if (result instanceof ImageError) continue;
      // Blobs have digests; the index has none, but the image is the one whose digest was asked for.
      if (name.startsWith("blobs/") || result !== good) accepted.push(`${name} ${what}`);
      else same++;
    }
    directory.write(`img/${name}`, bytes);
    assertEquals(await readImage(path, digest), good, `${index}`);
  }
  assertEquals(accepted, [], `seed ${SEED}, ${same} times the same image`);
});
