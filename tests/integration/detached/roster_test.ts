// runs-under: bun, deno
// timeout-seconds: 300
/** What `ps` says of a project with many containers comes from its roster, and is the truth whatever has happened since. */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { viewProject } from "../../../runtime/lifecycle/containers.ts";
import { listProject } from "../../../runtime/lifecycle/listed.ts";
import { containerJson } from "../../../runtime/lifecycle/as_json.ts";
import { readRoster } from "../../../runtime/lifecycle/roster.ts";
import { type ProjectPlaces, projectPlaces } from "../../../runtime/state/places.ts";
import { controller, findTool, missing, root, tool } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld, IDLE, type SpecObject } from "../cli/sandbox.ts";
import { type Project, project, untilAsync } from "./project.ts";

const skip = missing(root(), controller("pids"));
guardWorld();

const COUNT = 60;
const one: SpecObject = {
  policy: "none",
  limits: { pids: 20 },
  stop: { grace: "0s" },
  commands: [IDLE],
};
const names = Array.from({ length: COUNT }, (_, index) => `c${String(index).padStart(2, "0")}`);

async function many(count = COUNT): Promise<Project> {
  const box = project({
    containers: Object.fromEntries(names.slice(0, count).map((name) => [name, one])),
  });
  const up = await box.cv("up", "-d");
  assertEquals(up.code, 0, up.stderr);
  return box;
}

function placesOf(box: Project): ProjectPlaces {
  const at = box.state().lastIndexOf("/");
  return projectPlaces(box.state().slice(0, at), box.state().slice(at + 1));
}

/** How many containers' records need not be read. */
const known = (places: ProjectPlaces): number =>
  readRoster(places)?.rows.filter((row) => typeof row !== "string").length ?? 0;

/** What the list says is what the records say. */
function isTrue(places: ProjectPlaces): void {
  assertEquals(
    listProject(places).map(containerJson),
    viewProject(places).containers.map(containerJson),
  );
}

const stateOf = (places: ProjectPlaces, name: string): string | undefined =>
  listProject(places).find((view) => view.name === name)?.state;

describe("a project with many containers", { skip }, () => {
  test("its list is true after whatever has happened to one of them", async () => {
    await using box = await many();
    const places = placesOf(box);
    // Those that were started within the last moment are read.
    assert(known(places) > COUNT / 2, `${known(places)} of ${COUNT}`);
    isTrue(places);

    const cv = async (...words: string[]): Promise<void> => {
      const { code, stderr } = await box.cv(...words);
      assertEquals(code, 0, stderr);
      isTrue(places);
    };
    await cv("stop", "c00");
    assertEquals(stateOf(places, "c00"), "exited");
    await cv("start", "c00");
    assertEquals(stateOf(places, "c00"), "running");
    await cv("pause", "c01");
    assertEquals(listProject(places)[1]?.paused, true);
    await cv("rm", "--force", "c02");
    assertEquals(stateOf(places, "c02"), undefined);
    await cv("rename", "c03", "zero");
    assertEquals(stateOf(places, "c03"), undefined);
    assertEquals(listProject(places).at(-1)?.name, "zero");
    await cv("update", "c04", "--pids", "77");
    assert(listProject(places).some(({ record }) => record?.limits.includes("pids 77")));
  });

  test("a process that was killed is said to have ended, by its keeper's word", async () => {
    await using box = await many();
    const places = placesOf(box);
    const killed = listProject(places).find(({ name }) => name === "c05");
    process.kill(killed?.pid ?? 0, "SIGKILL");
    await untilAsync(
      () => Promise.resolve(stateOf(places, "c05") === "exited"),
      "its ending is noted",
    );
    const ended = listProject(places).find(({ name }) => name === "c05");
    assertEquals(ended?.ending?.signal, 9);
    isTrue(places);
  });

  test("a record that somebody has spoiled is broken, and hides no other", async () => {
    await using box = await many();
    const places = placesOf(box);
    const record = `${places.containers}/c06/record.json`;
    const whole = readFileSync(record, "utf8");
    writeFileSync(record, "{");
    assertEquals(stateOf(places, "c06"), "broken");
    assertEquals(stateOf(places, "c07"), "running");
    isTrue(places);
    writeFileSync(record, whole);
  });

  test("a roster that is spoiled, or of another boot, is as good as none", async () => {
    await using box = await many();
    const places = placesOf(box);
    const path = `${places.directory}/roster.json`;
    const whole = readFileSync(path, "utf8");
    for (
      const text of ["", "null", "7", whole.slice(0, 500), whole.replace(/"boot":"./, '"boot":"-')]
    ) {
      writeFileSync(path, text);
      assertEquals(readRoster(places), undefined);
      isTrue(places);
    }
    writeFileSync(path, whole);
    assert(known(places) > 0);
  });

  test("once it is settled `ps` opens no record", { skip: missing(tool("strace")) }, async () => {
    await using box = await many();
    const places = placesOf(box);
    // Now none was written just now.
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertEquals(known(places), COUNT);
    using directory = tempDir();
    const log = directory.file("opened");
    const strace = [findTool("strace") ?? "strace", "-f", "-qq", "-o", log];
    const ps = await box.cvUnder([...strace, "-e", "trace=openat"], ["ps"]);
    assertEquals(ps.code, 0, ps.stderr);
    assertEquals(ps.stdout.match(/^c\d+ +running /gm)?.length, COUNT);
    const opened = readFileSync(log, "utf8");
    assert(opened.includes("roster.json"));
    assertEquals(opened.match(/record\.json/g), null);
  });

  test("one with few has no roster", async () => {
    await using box = await many(3);
    assertEquals(readRoster(placesOf(box)), undefined);
    isTrue(placesOf(box));
  });
});
