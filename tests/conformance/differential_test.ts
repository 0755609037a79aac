// alone
// timeout-seconds: 180
/**
 * More than 40 specs, run here and as the `config.json` that `plan --oci` writes under crun and runc: what a process inside sees is
 * the same, but for what tests/conformance/explained.ts explains.
 *
 * CONTAINERV_CONFORMANCE_SPECS=NAME,… runs only these; under Deno five, since the planner is the same.
 */
import { assertEquals } from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { run } from "../../mod.ts";
import type { Spec } from "../../spec/model/spec_type.ts";
import { loadObject } from "../../spec/load.ts";
import { equivalentOci } from "../../runtime/lifecycle/oci.ts";
import { planContainer } from "../../runtime/lifecycle/prepare.ts";
import { currentRuntime, PATIENCE } from "../support/cli.ts";
import { missing, root, tool } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { explain, EXPLAINED } from "./explained.ts";
import { differences, type Facets, nameNamespaces, readFacets, SCRIPT } from "./observe.ts";
import { type Peer, runPeer, writeBundle } from "./peers.ts";
import { FILES, HOLDER, PLACE, SPECS } from "./specs.ts";

const SAMPLE = ["defaults", "user-with-capability", "all-limits", "overlay", "together"];

function chosen(): readonly string[] {
  const asked = process.env["CONTAINERV_CONFORMANCE_SPECS"];
  if (asked !== undefined) return asked.split(",");
  return currentRuntime() === "deno" ? SAMPLE : Object.keys(SPECS);
}

/** Where the specs' files lie, the bundles are made, and whose namespaces are joined. */
interface Places {
  readonly place: string;
  readonly work: string;
  readonly holder: string;
}

/** The spec of a name with the observer as its command. */
function specOf(name: string, { place, holder }: Places): Spec {
  const text = JSON.stringify({ policy: "none", ...SPECS[name] }).replaceAll(PLACE, place)
    .replaceAll(HOLDER, holder);
  return { name: "box", ...JSON.parse(text), commands: [["/bin/sh", "-c", SCRIPT]] };
}

function bundleOf(name: string, places: Places): void {
  const { place, work } = places;
  const { desired, diagnostics } = loadObject(specOf(name, places), {
    name: "box",
    directory: place,
  });
  const only = desired?.containers[0];
  if (only === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  writeBundle(work, name, equivalentOci(only, planContainer(only), { here: true }));
}

const skip = missing(root(), tool("crun"), tool("runc"), tool("unshare"));

/** Of a machine that is not emulated. */
const TIMEOUT_MS = 170_000;

describe("the same container under crun and runc", { skip, timeout: TIMEOUT_MS * PATIENCE }, () => {
  const names = chosen();
  const ours = new Map<string, Facets>();
  const used = new Set<number>();
  let directory: TempDir;
  let holder: ChildProcess | undefined;

  before(async () => {
    if (skip !== false) return;
    directory = tempDir();
    holder = await startHolder();
    const place = directory.file("place");
    const work = directory.file("work");
    mkdirSync(work);
    // A container's root that is nobody outside must be able to reach its bundle.
    chmodSync(directory.path, 0o711);
    for (const [path, text] of Object.entries(FILES)) directory.write(`place/${path}`, text);
    for (const name of names) {
      const places = { place, work, holder: `/proc/${holder.pid}` };
      bundleOf(name, places);
      const { code, stdout, stderr } = await run(specOf(name, places));
      assertEquals([code, stderr], [0, ""], name);
      ours.set(name, observed(stdout, holder));
    }
  });
  after(() => {
    holder?.kill("SIGKILL");
    directory?.[Symbol.dispose]();
  });

  for (const peer of ["crun", "runc"] as const) {
    test(peer, async () => {
      const results = await runPeer(peer, directory.file("work"), names);
      const unexplained: string[] = [];
      for (const name of names) {
        const { code = "", output = "" } = results.get(name) ?? {};
        const theirs = code === "0"
          ? observed(output, holder)
          : { refuses: output.trim().split("\n").at(-1) ?? "" };
        unexplained.push(...compare(peer, name, { ours: ours.get(name) ?? {}, theirs, used }));
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

/** A process in a network, an IPC namespace and a host name of its own, once it is there. */
async function startHolder(): Promise<ChildProcess> {
  const script = `echo; exec sleep ${600 * PATIENCE}`;
  const child = spawn("unshare", ["-nui", "/bin/sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

const namespacesOf = (pid: number | "self", name: string): readonly [string, string][] =>
  readdirSync(`/proc/${pid}/ns`).map((kind) => [readlinkSync(`/proc/${pid}/ns/${kind}`), name]);

function observed(print: string, holder: ChildProcess | undefined): Facets {
  const joined = holder?.pid === undefined ? [] : namespacesOf(holder.pid, "joined");
  return nameNamespaces(readFacets(print), new Map([...joined, ...namespacesOf("self", "host")]));
}

function compare(
  peer: Peer,
  name: string,
  from: { readonly ours: Facets; readonly theirs: Facets; readonly used: Set<number> },
): readonly string[] {
  const differing = "refuses" in from.theirs
    ? [{ facet: `refuses ${name}`, ours: undefined, theirs: from.theirs["refuses"] }]
    : differences(from.ours, from.theirs);
  return differing.flatMap((difference) => {
    const row = explain(peer, difference, name);
    if (row !== undefined) {
      from.used.add(row);
      return [];
    }
    const { facet, ours, theirs } = difference;
    return [`${name}: ${facet}: ours ${ours ?? "(none)"} | ${peer} ${theirs ?? "(none)"}`];
  });
}
