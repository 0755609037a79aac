// alone
// timeout-seconds: 180
/**
 * 40 specs, run here and as the `config.json` that `plan --oci` writes under crun and runc: what a process inside sees is
 * the same, but for what tests/conformance/explained.ts explains.
 *
 * CONTAINERV_CONFORMANCE_SPECS=NAME,… runs only these; under Deno five, since the planner is the same.
 */
import { assertEquals } from "@std/assert";
import { chmodSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { run } from "../../mod.ts";
import type { Spec } from "../../spec/model/spec_type.ts";
import { loadObject } from "../../spec/load.ts";
import { equivalentOci } from "../../runtime/lifecycle/oci.ts";
import { planContainer } from "../../runtime/lifecycle/prepare.ts";
import { currentRuntime } from "../support/cli.ts";
import { missing, root, tool } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { explain, EXPLAINED } from "./explained.ts";
import { differences, type Facets, nameNamespaces, readFacets, SCRIPT } from "./observe.ts";
import { type Peer, runPeer, writeBundle } from "./peers.ts";
import { FILES, PLACE, SPECS } from "./specs.ts";

const SAMPLE = ["defaults", "user-with-capability", "all-limits", "overlay", "together"];

function chosen(): readonly string[] {
  const asked = process.env["CONTAINERV_CONFORMANCE_SPECS"];
  if (asked !== undefined) return asked.split(",");
  return currentRuntime() === "deno" ? SAMPLE : Object.keys(SPECS);
}

/** The spec of a name with the observer as its command. */
function specOf(name: string, place: string): Spec {
  const text = JSON.stringify({ policy: "none", ...SPECS[name] }).replaceAll(PLACE, place);
  return { name: "box", ...JSON.parse(text), commands: [["/bin/sh", "-c", SCRIPT]] };
}

function bundleOf(name: string, { place, work }: { place: string; work: string }): void {
  const { desired, diagnostics } = loadObject(specOf(name, place), {
    name: "box",
    directory: place,
  });
  const only = desired?.containers[0];
  if (only === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  writeBundle(work, name, equivalentOci(only, planContainer(only).plan, { here: true }));
}

const skip = missing(root(), tool("crun"), tool("runc"), tool("unshare"));

describe("the same container under crun and runc", { skip, timeout: 170_000 }, () => {
  const names = chosen();
  const ours = new Map<string, Facets>();
  const used = new Set<number>();
  let directory: TempDir;

  before(async () => {
    if (skip !== false) return;
    directory = tempDir();
    const place = directory.file("place");
    const work = directory.file("work");
    mkdirSync(work);
    // A container's root that is nobody outside must be able to reach its bundle.
    chmodSync(directory.path, 0o711);
    for (const [path, text] of Object.entries(FILES)) directory.write(`place/${path}`, text);
    for (const name of names) {
      bundleOf(name, { place, work });
      const { code, stdout, stderr } = await run(specOf(name, place));
      assertEquals([code, stderr], [0, ""], name);
      ours.set(name, observed(stdout));
    }
  });
  after(() => directory?.[Symbol.dispose]());

  for (const peer of ["crun", "runc"] as const) {
    test(peer, async () => {
      const results = await runPeer(peer, directory.file("work"), names);
      const unexplained: string[] = [];
      for (const name of names) {
        const { code = "", output = "" } = results.get(name) ?? {};
        assertEquals(code, "0", `${peer} of ${name}: ${output}`);
        unexplained.push(...compare(peer, name, { ours: ours.get(name) ?? {}, output, used }));
      }
      assertEquals(unexplained, []);
    });
  }

  test("nothing is explained that is not there any more", () => {
    if (names.length < Object.keys(SPECS).length) return;
    const stale = EXPLAINED.filter((row, index) => row.optional !== true && !used.has(index));
    assertEquals(stale.map(({ by, facet }) => `${by} ${facet}`), []);
  });
});

function observed(print: string): Facets {
  const own = readdirSync("/proc/self/ns").map((name) => readlinkSync(`/proc/self/ns/${name}`));
  return nameNamespaces(readFacets(print), new Set(own));
}

function compare(
  peer: Peer,
  name: string,
  from: { readonly ours: Facets; readonly output: string; readonly used: Set<number> },
): readonly string[] {
  return differences(from.ours, observed(from.output)).flatMap((difference) => {
    const row = explain(peer, difference);
    if (row !== undefined) {
      from.used.add(row);
      return [];
    }
    const { facet, ours, theirs } = difference;
    return [`${name}: ${facet}: ours ${ours ?? "(none)"} | ${peer} ${theirs ?? "(none)"}`];
  });
}
