// runs-under: bun, deno
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { fileVersion } from "../../../../ffi/linux/file.ts";
import { collectLayers, removeLayer } from "../../../../runtime/image/collect.ts";
import {
  claimLayer,
  createLayer,
  findLayer,
  layerDirectory,
  openStore,
  rememberArchive,
} from "../../../../runtime/image/store.ts";
import { moveUse, noteUse, readUses } from "../../../../runtime/image/uses.ts";
import { type TempDir, tempDir } from "../../../support/temp.ts";

const ID = (letter: string): string => `sha256:${letter.repeat(64)}`;
const OLD = { ageMs: 0 };

/** A layer in a store of its own, as an unpacking makes it. */
function publish(data: string, diffId: string): void {
  using layer = createLayer(data);
  layer.publish({ version: 1, diffId, notes: {}, whiteouts: 0 });
}

function store(directory: TempDir, ...letters: readonly string[]): string {
  const data = directory.file("data");
  openStore(data);
  for (const letter of letters) publish(data, ID(letter));
  return data;
}

test("a layer that nobody wants goes, with what is remembered of its archive", async () => {
  using directory = tempDir();
  const data = store(directory, "a");
  rememberArchive(data, ID("c"), { version: 1, digest: ID("c"), diffId: ID("a") });
  assertEquals((await collectLayers(data)).layers, [], "it is young");
  assertEquals((await collectLayers(data, { ...OLD, dryRun: true })).layers, [ID("a")]);
  assertEquals(findLayer(data, ID("a"))?.diffId, ID("a"));
  assertEquals((await collectLayers(data, OLD)).layers, [ID("a")]);
  assertEquals(["layers", "archives", "locks"].map((name) => readdirSync(`${data}/${name}`)), [
    [],
    [],
    [],
  ]);
});

test("a container's layers stay as long as its directory, an archive's as long as it is the same", async () => {
  using directory = tempDir();
  const data = store(directory, "a", "b");
  mkdirSync(directory.file("container"));
  const archive = directory.write("x.tar", "x");
  const identity = fileVersion(archive)?.text ?? "";
  await noteUse(data, "container", { file: directory.file("container"), layers: [ID("a")] });
  await noteUse(data, "archive", { file: archive, identity, layers: [ID("b")] });
  assertEquals((await collectLayers(data, OLD)).layers, []);
  const unused = { ...OLD, unused: true, dryRun: true };
  assertEquals((await collectLayers(data, unused)).layers, [ID("b")]);
  utimesSync(archive, 1, 1);
  assertEquals((await collectLayers(data, OLD)).layers, [ID("b")]);
  directory[Symbol.dispose]();
  assertEquals(existsSync(layerDirectory(data, ID("a"))), false);
});

test("the layers of a container that is given another name are wanted at each moment, and then as long as it", async () => {
  using directory = tempDir();
  const data = store(directory, "a", "b");
  const [from, to] = [directory.file("from"), directory.file("to")];
  const isWanted = (): readonly boolean[] =>
    ["a", "b"].map((letter) => readUses(data, "containers").wanted.has(ID(letter)));
  mkdirSync(from);
  await noteUse(data, from, { file: from, layers: [ID("a")] });
  // Of one that had the name before.
  await noteUse(data, to, { file: to, layers: [ID("b")] });
  await moveUse(data, { from, to }, () => {
    assertEquals(isWanted(), [true, false]);
    renameSync(from, to);
    assertEquals(isWanted(), [true, false]);
  });
  assertEquals(isWanted(), [true, false]);
  // Another one has the name that it had.
  mkdirSync(from);
  rmdirSync(to);
  assertEquals(isWanted(), [false, false]);
});

test("a move that fails leaves the layers with who had them", async () => {
  using directory = tempDir();
  const data = store(directory, "a");
  const [from, to] = [directory.file("from"), directory.file("to")];
  mkdirSync(from);
  await noteUse(data, from, { file: from, layers: [ID("a")] });
  const fails = (): never => {
    throw new Error("it does not move");
  };
  await assertRejects(() => moveUse(data, { from, to }, fails), Error, "it does not move");
  assertEquals((await collectLayers(data, OLD)).layers, []);
  rmdirSync(from);
  assertEquals((await collectLayers(data, OLD)).layers, [ID("a")]);
});

test("who wants nothing any more is forgotten; what is torn too", async () => {
  using directory = tempDir();
  const data = store(directory, "a");
  await noteUse(data, "gone", { file: directory.file("gone"), layers: [ID("a")] });
  writeFileSync(`${data}/uses/torn`, "{");
  rmdirSync(`${data}/locks`);
  assertEquals(readUses(data, "all").over.length, 2);
  await collectLayers(data, OLD);
  assertEquals(readdirSync(`${data}/uses`), []);
});

test("a layer that is being made is held, and what a killed unpacking left goes", async () => {
  using directory = tempDir();
  const data = store(directory);
  {
    using _layer = createLayer(data);
    assertEquals((await collectLayers(data, OLD)).unfinished, 0);
  }
  mkdirSync(`${data}/layers/.new-1-2-3/fs`, { recursive: true });
  assertEquals((await collectLayers(data, OLD)).unfinished, 1);
  assertEquals(readdirSync(`${data}/layers`), []);
});

test("a layer that was just made, and one that was claimed, is another's for a while", async () => {
  using directory = tempDir();
  const data = store(directory);
  {
    using layer = createLayer(data);
    layer.publish({ version: 1, diffId: ID("a"), notes: {}, whiteouts: 0 });
    assertEquals(removeLayer(data, ID("a")), false, "its maker still holds it");
  }
  // From its making to the claim goes as much as a busy machine may take from the claim to the look at it.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const older = { ageMs: 900 };
  assertEquals((await collectLayers(data, { ...older, dryRun: true })).layers, [ID("a")]);
  assertEquals((await claimLayer(data, ID("a")))?.diffId, ID("a"));
  assertEquals((await collectLayers(data, older)).layers, []);
  assertEquals(removeLayer(data, ID("a")), true);
  assertEquals(await claimLayer(data, ID("a")), undefined);
  assertEquals(removeLayer(data, ID("a")), false);
});
