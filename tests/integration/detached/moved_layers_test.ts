// runs-under: bun, deno
// timeout-seconds: 300
/** A container that is given another name keeps its layers and its groups, wherever that is cut off by a kill -9. */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readUses } from "../../../runtime/image/uses.ts";
import { dataDirectory } from "../../../runtime/lifecycle/data.ts";
import { sha256 } from "../../support/oci_layout.ts";
import { controller, missing, root, tool } from "../../support/require.ts";
import { storeWithout } from "../../support/store.ts";
import { injecting } from "../../support/strace.ts";
import { archive, entry } from "../../support/tar.ts";
import { guardWorld, lives, type SpecObject } from "../cli/sandbox.ts";
import { type Project, project } from "./project.ts";

const skip = missing(root(), controller("pids"), tool("strace"), tool("busybox"));
const DATA = dataDirectory(process.env, 0);

/** A layer that no other test has. */
const layerOf = (marker: string): Uint8Array =>
  archive(
    entry({ name: "bin/busybox", data: new Uint8Array(readFileSync("/bin/busybox")), mode: 0o755 }),
    entry({ name: "marker", data: `${marker}-${process.pid}` }),
  );
const [FIRST, SECOND] = skip === false
  ? [layerOf("first"), layerOf("second")] as const
  : [new Uint8Array(), new Uint8Array()] as const;
const store = storeWithout([FIRST, SECOND].map(sha256));
after(() => store[Symbol.dispose]());
guardWorld();

const isWanted = (layer: Uint8Array): boolean =>
  readUses(DATA, "containers").wanted.has(sha256(layer));

/** The container that is asked for from now on. */
function ask(box: Project, number: 1 | 2): void {
  writeFileSync(`${dirname(box.file)}/${number}.tar`, number === 1 ? FIRST : SECOND);
  const one: SpecObject = {
    policy: "none",
    update: "startFirst",
    limits: { pids: 20 },
    rootfs: { layers: [{ tar: `./${number}.tar` }] },
    commands: [["/bin/busybox", "sleep", "600"]],
    stop: { grace: "0s" },
  };
  box.write({ containers: { one } });
}

async function started(): Promise<Project> {
  const box = project({});
  ask(box, 1);
  const up = await box.cv("up", "-d");
  assertEquals(up.code, 0, up.stderr);
  return box;
}

/** True: it was killed before that call; false: there are not so many. */
async function killedAt(
  box: Project,
  when: number,
  { call, path, words }: {
    readonly call: string;
    /** Only of those with this path. */
    readonly path?: string;
    readonly words: readonly string[];
  },
): Promise<boolean> {
  const only = path === undefined ? [] : ["-P", path];
  const strace = injecting(call, `signal=KILL:when=${when}`, ...only);
  const { code, signal, stderr } = await box.cvUnder(strace, words);
  const killed = signal === "SIGKILL" || code === 137;
  assert(killed || code === 0, stderr);
  const gc = await box.cv("gc");
  assertEquals(gc.code, 0, gc.stderr);
  return killed;
}

describe("another name", { skip }, () => {
  test("by rename, killed before each of its steps: layers and groups are those that it had", async () => {
    for (let when = 1, killed = true; killed; when++) {
      await using box = await started();
      const [before] = await box.ps();
      killed = await killedAt(box, when, {
        call: "renameat2",
        words: ["rename", "one", "uno"],
      });
      const [now, ...more] = await box.ps();
      assertEquals([now?.state, now?.pid, more], ["running", before?.pid, []], `${when}`);
      if (!killed) assertEquals([now?.name, when > 5], ["uno", true], `${when}`);
      assert(isWanted(FIRST), `${when}: gc would take the layer of ${now?.name}`);
      // By its groups, and by what is wanted of it.
      const name = now?.name ?? "";
      const update = await box.cv("update", name, "--pids", "30");
      assertEquals(update.code, 0, `${when}: ${update.stderr}`);
      const restart = await box.cv("restart", name);
      assertEquals(restart.code, 0, `${when}: ${restart.stderr}`);
      assertEquals((await box.ps()).map((one) => [one.name, one.state]), [[name, "running"]]);
      assertEquals((await box.cv("down")).code, 0, `${when}`);
      assertEquals(lives(before?.pid ?? 0), false);
      assertEquals(isWanted(FIRST), false, `${when}: nobody has it any more`);
    }
  });

  test("by startFirst, killed before each note of who has which layers: those of who runs are kept", async () => {
    for (let when = 1, killed = true; killed; when++) {
      await using box = await started();
      const [before] = await box.ps();
      ask(box, 2);
      killed = await killedAt(box, when, {
        call: "openat",
        path: `${DATA}/locks/uses`,
        words: ["up", "-d"],
      });
      assertEquals((await box.ps()).map(({ name, state }) => [name, state]), [["one", "running"]]);
      const isOld = (await box.ps())[0]?.pid === before?.pid;
      assert(isWanted(isOld ? FIRST : SECOND), `${when}: gc would take a layer of what runs`);
      if (!killed) assertEquals([isOld, isWanted(FIRST), when > 3], [false, false, true]);
    }
  });
});
