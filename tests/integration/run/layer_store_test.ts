/**
 * The store of layers while others take layers out of it: a start finds its layers, or unpacks them again. CONTAINERV_LAYER_RUNS=300 runs
 * as many containers; the default is few.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals } from "@std/assert";
import { collectLayers, removeLayer } from "../../../runtime/image/collect.ts";
import { layerDirectory } from "../../../runtime/image/store.ts";
import { dataDirectory } from "../../../runtime/lifecycle/data.ts";
import { PATIENCE, runCli } from "../../support/cli.ts";
import { sha256 } from "../../support/oci_layout.ts";
import { missing, root, tool } from "../../support/require.ts";
import { storeWithout } from "../../support/store.ts";
import { archive, entry, header } from "../../support/tar.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, processesOf, sh, startSpec } from "../cli/sandbox.ts";

const skip = missing(root(), tool("busybox"));
const RUNS = Number(process.env["CONTAINERV_LAYER_RUNS"] ?? 8);
const AT_ONCE = 3;
const DATA = dataDirectory(process.env, 0);

/** Two layers that no other test has. */
function layersOf(marker: string): readonly Uint8Array[] {
  const data = new Uint8Array(readFileSync("/bin/busybox"));
  return [
    archive(
      entry({ name: "bin/busybox", data, mode: 0o755 }),
      header({ name: "bin/sh", type: "2", link: "busybox" }),
      entry({ name: "lower", data: `${marker}-${process.pid}` }),
    ),
    archive(entry({ name: "upper", data: `${marker}-${process.pid}` })),
  ];
}

const STORM = skip === false ? layersOf("storm") : [];
const HELD = skip === false ? layersOf("held") : [];
const store = storeWithout([...STORM, ...HELD].map(sha256));
after(() => store[Symbol.dispose]());
guardWorld();

test(`${RUNS} runs while their layers are removed all the time: each finds its files`, {
  skip,
}, async () => {
  using directory = tempDir();
  STORM.forEach((bytes, index) => directory.write(`${index}.tar`, bytes));
  const file = directory.write(
    "box.yaml",
    'policy: none\nrootfs: {layers: [{tar: ./0.tar}, {tar: ./1.tar}]}\ncommands: ["busybox cat /lower /upper"]\n',
  );
  let over = false;
  let removed = 0;
  const remove = async (): Promise<void> => {
    for (let round = 0; !over; round++) {
      const diffId = sha256(STORM[round % 2]!);
      if (removeLayer(DATA, diffId)) removed++;
      if (round % 5 === 0) await collectLayers(DATA, { ageMs: 60_000 });
      // Long enough for most to come through at their first or second try: an emulated machine is that much slower at a start.
      await sleep((round % 7 === 0 ? 60 : 3) * PATIENCE ** 2);
    }
  };
  const removing = remove();
  const failures: string[] = [];
  let left = RUNS;
  const run = async (): Promise<void> => {
    // A few runs may all have come between two removals: then there are more.
    while (left-- > 0 || (removed === 0 && left > -20 * RUNS)) {
      const { code, stdout, stderr } = await runCli(["run", "--quiet", file]);
      const expected = ["storm", "storm"].map((one) => `${one}-${process.pid}`).join("");
      if (code !== 0 || stdout !== expected) failures.push(`${code} ${stdout}${stderr}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
  over = true;
  await removing;
  assertEquals(failures, []);
  assert(removed > 0, "nothing was removed meanwhile");
});

test(
  "a layer that a container has is not removed, by nobody; afterwards it is",
  { skip },
  async () => {
    using directory = tempDir();
    HELD.forEach((bytes, index) => directory.write(`${index}.tar`, bytes));
    const [lower = "", upper = ""] = HELD.map(sha256);
    const name = `held-${process.pid}`;
    const file = directory.write(
      "held.yaml",
      `name: ${name}\npolicy: none\nrootfs: {layers: [{tar: ./0.tar}, {tar: ./1.tar}]}\nstop: {grace: 0s}\ncommands: [[busybox, sleep, '100']]\n`,
    );
    const isThere = (diffId: string): boolean => existsSync(layerDirectory(DATA, diffId));
    const up = await runCli(["up", "-d", file]);
    assertEquals(up.code, 0, up.stderr);
    try {
      // The archives are gone: only the container wants the layers.
      directory.write("0.tar", "");
      directory.write("1.tar", "");
      const { layers } = await collectLayers(DATA, { ageMs: 0 });
      assertEquals([layers.includes(lower), layers.includes(upper)], [false, false]);
      assertEquals([isThere(lower), isThere(upper)], [true, true]);
      const cat = await runCli(["exec", name, "--", "busybox", "cat", "/upper"]);
      assertEquals(cat.stdout, `held-${process.pid}`, cat.stderr);
    } finally {
      const down = await runCli(["down", file]);
      assertEquals(down.code, 0, down.stderr);
    }
    const told = await runCli(["gc", "--dry-run"]);
    assertEquals(told.code, 0);
    assertEquals(told.stderr.includes(lower), false, "it is young");
    await sleep(5);
    const { layers } = await collectLayers(DATA, { ageMs: 1 });
    assertEquals([layers.includes(lower), layers.includes(upper)], [true, true]);
    assertEquals([isThere(lower), isThere(upper)], [false, false]);
    const names = readdirSync(`${DATA}/layers`);
    assertEquals(names.filter((name) => name.startsWith(".new-")), []);
  },
);

test("a run in the foreground holds its layers", {
  skip,
}, async () => {
  using directory = tempDir();
  directory.write("0.tar", HELD[0]!);
  const lower = sha256(HELD[0]!);
  const run = startSpec({
    policy: "none",
    rootfs: { layers: [{ tar: directory.file("0.tar") }] },
    commands: [sh("busybox echo here; busybox sleep 100")],
  });
  try {
    await run.says("here");
    assertEquals(removeLayer(DATA, lower), false);
    await collectLayers(DATA, { ageMs: 0, unused: true });
    assert(existsSync(layerDirectory(DATA, lower)));
  } finally {
    process.kill(processesOf(run).first, "SIGKILL");
  }
  assertEquals((await run.ended).code, 137);
  assertEquals(removeLayer(DATA, lower), true);
});
