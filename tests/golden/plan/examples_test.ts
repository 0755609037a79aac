/** The plans of the examples on two saved machines: pure cgroup v2, and a hybrid with v1 controllers. */
import { assert, assertEquals } from "@std/assert";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadSpec } from "../../../spec/load.ts";
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { Answers, Host, ResolvedLayer } from "../../../runtime/plan/host.ts";
import { planJson, showPlan } from "../../../runtime/show/plan.ts";
import { compile } from "../../../runtime/subjects/compile.ts";
import { assertGolden } from "../../support/golden.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const EXAMPLES = at("../../../examples");
const FILES = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml")).sort();

const hostOf = (name: string): Host =>
  JSON.parse(readFileSync(at(`host_${name}.json`), "utf8")) as Host;

/** Where the examples are said to lie: plans must not depend on where the repository is. */
const DIRECTORY = "/home/you/containerv/examples";

const DATA = "/var/lib/containerv";

const documentOf = (digest: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${EXAMPLES}/08-image/img/blobs/${digest.replace(":", "/")}`, "utf8"));

/** What 08-image has in the store: its layers are not compressed, so their digests are their names there. */
function layersOf({ rootfs }: DesiredContainer): Pick<Answers, "layers"> {
  const layers: Record<string, ResolvedLayer> = {};
  for (const layer of rootfs.layers) {
    if (layer.kind !== "image") continue;
    const { manifests: [first] } = documentOf(layer.digest ?? "") as unknown as Listed;
    const { config, layers: blobs } = documentOf(first.digest) as unknown as Manifest;
    const { config: said } = documentOf(config.digest) as unknown as Config;
    layers[layer.origin] = {
      roots: blobs.map(({ digest }) => ({
        path: `${DATA}/layers/${digest.replace(":", "-")}/fs`,
        diffId: digest,
      })),
      image: {
        name: layer.image.path,
        digest: first.digest,
        entrypoint: said.Entrypoint,
        cmd: said.Cmd,
        environment: {},
        user: said.User,
        workdir: said.WorkingDir,
        labels: said.Labels,
      },
    };
  }
  return Object.keys(layers).length === 0 ? {} : { layers };
}

interface Digested {
  readonly digest: string;
}

type Listed = { readonly manifests: readonly [Digested] };

interface Manifest {
  readonly config: Digested;
  readonly layers: readonly Digested[];
}

interface Config {
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly Cmd: readonly string[];
    readonly User: string;
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

function planOf(file: string, host: Host) {
  const text = readFileSync(`${EXAMPLES}/${file}`, "utf8");
  const { desired, diagnostics, places } = loadSpec({
    text,
    file: `examples/${file}`,
    directory: DIRECTORY,
  });
  const container = desired?.containers[0];
  assert(container !== undefined, diagnostics.map(({ message }) => message).join("\n"));
  assertEquals(diagnostics, []);
  const answers: Answers = {
    instance: container.name,
    dataDirectory: DATA,
    announce: false,
    ...layersOf(container),
  };
  return { plan: compile(container, host, answers), places };
}

describe("plans of the examples", () => {
  for (const file of FILES) {
    const stem = file.replace(/\.yaml$/, "");
    test(`${file} on cgroup v2`, () => {
      const { plan, places } = planOf(file, hostOf("v2"));
      assertGolden(`${EXAMPLES}/${stem}.plan.txt`, showPlan(plan, { places }));
    });

    test(`${file} on a hybrid machine`, () => {
      const { plan, places } = planOf(file, hostOf("hybrid"));
      assertGolden(at(`cases/${stem}.hybrid.txt`), showPlan(plan, { places }));
    });
  }
});

describe("as JSON, with every call", () => {
  for (const host of ["v2", "hybrid"]) {
    test(`01-hello on ${host}`, () => {
      const { plan, places } = planOf("01-hello.yaml", hostOf(host));
      const json = `${JSON.stringify(planJson(plan, places), null, 2)}\n`;
      assertGolden(at(`cases/01-hello.${host}.json`), json);
    });
  }
});
