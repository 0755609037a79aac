import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { loadObject, loadSpec } from "../../../../spec/load.ts";
import type { GivenFile } from "../../../../spec/merge/resolve.ts";
import type { LoadResult } from "../../../../spec/model/load_result.ts";

type Files = Readonly<Record<string, string>>;

/** The first file is the spec; `over` are merged over it; all others can be named. */
function load(files: Files, over: readonly string[] = []): LoadResult {
  const [[file, text] = ["", ""]] = Object.entries(files);
  const read = (path: string) =>
    files[path] === undefined ? "no such file" : new TextEncoder().encode(files[path]);
  const given = over.map((name): GivenFile => ({
    text: files[name] ?? "",
    path: name.slice(name.lastIndexOf("/") + 1),
    root: {
      prefix: name.slice(0, name.lastIndexOf("/") + 1),
      shown: name.slice(0, name.lastIndexOf("/") + 1),
      read,
    },
  }));
  return loadSpec({ file, text, directory: "/p", read, over: given });
}

function good(files: Files, over: readonly string[] = []) {
  const result = load(files, over);
  assertEquals(result.diagnostics.map(({ message }) => message), []);
  const { desired } = result;
  assert(desired !== undefined);
  return { ...result, desired, first: desired.containers[0]! };
}

/** `code file:line:column` of each diagnostic. */
function faults(files: Files, over: readonly string[] = []): readonly string[] {
  return load(files, over).diagnostics.map(({ code, place }) =>
    `${code} ${place?.file}:${place?.line}:${place?.column}`
  );
}

describe("extends", () => {
  test("maps by key, lists appended, commands replaced, paths from their own file", () => {
    const { first, places, volatile } = good({
      "a.yaml": "extends: ./sub/base.yaml\n" +
        "environment: {B: two}\n" +
        'volumes: ["./mine:/data"]\n' +
        "limits: {pids: 9}\n" +
        "outputs: [{from: /o, to: ./out}]\n" +
        "commands: [mine]\n",
      "sub/base.yaml": 'environment: {A: "1", B: one}\n' +
        'volumes: ["./data:/data", "./other:/other:ro"]\n' +
        "limits: {memory: 32MiB, pids: 8}\n" +
        "inputs: [{from: in, to: /i}]\n" +
        "outputs: [{from: /o, to: ./out}, {from: /p, to: ./p}]\n" +
        "commands: [base, twice]\n",
    });
    assertEquals(first.environment, { A: "1", B: "two" });
    assertEquals(
      first.volumes.map((volume) => volume.kind === "bind" ? [volume.path, volume.at] : volume),
      [["mine", "/data"], ["sub/other", "/other"]],
    );
    assertEquals([first.limits.memoryBytes, first.limits.pids], [32 << 20, 9]);
    assertEquals(first.inputs.map(({ from }) => from), ["/p/sub/in"]);
    assertEquals(
      first.outputs.map(({ from, to }) => [from, to]),
      [["/p", "/p/sub/p"], [
        "/o",
        "/p/out",
      ]].sort(),
    );
    assertEquals(first.commands.map(({ exec }) => exec.at(-1)), ["mine"]);
    assertEquals(
      ["/limits/memory", "/limits/pids"].map((at) => [places[at]?.file, places[at]?.line]),
      [["sub/base.yaml", 3], ["a.yaml", 4]],
    );
    assertEquals([places[""]?.file, volatile], ["a.yaml", true]);
  });

  test("a container of the same file, of a file with several, and through one another", () => {
    const { desired } = good({
      "a.yaml": "containers:\n" +
        "  one: {extends: base, hostname: one}\n" +
        "  base: {extends: {file: b.yaml, container: root}, commands: [base]}\n",
      "b.yaml": "containers: {root: {workdir: /w, commands: [root]}, not: {}}\n",
    });
    assertEquals(
      desired.containers.map(({ name, hostname, workdir, commands }) => [
        name,
        hostname,
        workdir,
        commands[0]?.exec.at(-1),
      ]),
      [["one", "one", "/w", "base"], ["base", "base", "/w", "base"]],
    );
  });

  test("in one file it is that text alone", () => {
    const { volatile } = good({
      "a.yaml": "containers: {a: {extends: b}, b: {commands: [x]}}\n",
    });
    assertEquals(volatile, undefined);
  });

  test("!reset takes away, !override takes the place whole", () => {
    const { first } = good({
      "a.yaml": "extends: b.yaml\nhostname: !reset\nenvironment: !override {C: c}\n" +
        "process: {groups: !override [3]}\n",
      "b.yaml": "hostname: theirs\nenvironment: {A: a}\nprocess: {groups: [1, 2]}\n",
    });
    assertEquals([first.hostname, first.environment, first.process.groups], [
      "a",
      { C: "c" },
      [3],
    ]);
  });

  test("variables that the other file declares are declared", () => {
    const { first } = good({
      "a.yaml": "extends: b.yaml\nvariables: {X: {default: mine}}\n",
      "b.yaml": "variables: {X: {default: x}, Y: {default: y}}\nhostname: ${{ X }}-${{ Y }}\n",
    });
    assertEquals(first.hostname, "mine-y");
  });

  const WRONG: readonly (readonly [string, Files, readonly string[]])[] = [
    ["itself", { "a.yaml": "extends: ./a.yaml\n" }, ["EXTENDS_CIRCLE a.yaml:1:10"]],
    [
      "a circle over files",
      { "a.yaml": "extends: b.yaml\n", "b.yaml": "\nextends: a.yaml\n" },
      ["EXTENDS_CIRCLE a.yaml:1:10"],
    ],
    ["no file", { "a.yaml": "extends: b.yaml\n" }, ["FILE_UNREADABLE a.yaml:1:10"]],
    ["out of the directory", { "a.yaml": "extends: ../b.yaml\n" }, ["FILE_UNREADABLE a.yaml:1:10"]],
    ["an absolute path", { "a.yaml": "extends: /etc/passwd\n" }, ["FILE_UNREADABLE a.yaml:1:10"]],
    [
      "another machine",
      { "a.yaml": "extends: {file: 'https://x/b.yaml'}\n" },
      ["FILE_UNREADABLE a.yaml:1:10"],
    ],
    [
      "no such container",
      { "a.yaml": "containers: {a: {extends: bb}, b: {}}\n" },
      ["EXTENDS_UNKNOWN a.yaml:1:27"],
    ],
    [
      "which of several",
      { "a.yaml": "extends: b.yaml\n", "b.yaml": "containers: {x: {}, y: {}}\n" },
      ["EXTENDS_UNKNOWN a.yaml:1:10"],
    ],
    ["another form", { "a.yaml": "extends: [a]\n" }, ["WRONG_TYPE a.yaml:1:10"]],
    [
      "a fault in the other file",
      { "a.yaml": "extends: b.yaml\n", "b.yaml": "user: [root\n" },
      ["SYNTAX b.yaml:2:1"],
    ],
    [
      "an unknown key in the other file",
      { "a.yaml": "extends: b.yaml\n", "b.yaml": "limits:\n  pid: 3\n" },
      ["UNKNOWN_KEY b.yaml:2:3"],
    ],
    ["a tag with nothing to merge", { "a.yaml": "user: !reset\n" }, [
      "NO_VALUE a.yaml:1:1",
      "UNKNOWN_TAG a.yaml:1:13",
    ]],
  ];
  for (const [what, files, expected] of WRONG) {
    test(`refused: ${what}`, () => assertEquals(faults(files), expected));
  }

  test("too many upon each other, and too many files", () => {
    const chain = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`c${index}`, { extends: `c${index + 1}` }]),
    );
    const deep = { "a.yaml": JSON.stringify({ containers: { ...chain, c20: {} } }) };
    assert(faults(deep).every((fault) => fault.startsWith("EXTENDS_TOO_DEEP")));
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`${index}.yaml`, "containers: {}"]),
    );
    const include = { "a.yaml": `include: [${Object.keys(many).join(", ")}]\n`, ...many };
    assertEquals(faults(include)[0], "FILE_UNREADABLE a.yaml:1:280");
  });

  test("in an object nothing is read", () => {
    const { diagnostics } = loadObject({ extends: "x" }, { name: "a", directory: "/" });
    assertEquals(diagnostics.map(({ code, pointer }) => [code, pointer]), [
      ["OF_FILES_ALONE", "/extends"],
    ]);
  });
});

describe("include", () => {
  test("containers, volumes and variables are added; a file of one is a container", () => {
    const { desired } = good({
      "shop.yaml": "include: [db/db.yaml, ./solo.yaml]\n" +
        "containers: {web: {commands: [web], dependsOn: [db, solo]}}\n",
      "db/db.yaml": "volumes: {data: {}}\n" +
        'containers: {db: {volumes: ["data:/x", "./conf:/y"], commands: [db]}}\n',
      "solo.yaml": "commands: [solo]\n",
    });
    assertEquals(desired.containers.map(({ name }) => name).sort(), ["db", "solo", "web"]);
    const db = desired.containers.find(({ name }) => name === "db");
    assertEquals(db?.volumes.map((one) => one.kind === "bind" ? one.path : one.kind), [
      "named",
      "db/conf",
    ]);
  });

  test("the same name twice, and a circle", () => {
    assertEquals(
      faults({
        "a.yaml": "include: [b.yaml]\ncontainers: {x: {commands: [x]}}\n",
        "b.yaml": "containers: {x: {commands: [x]}}\n",
      }),
      ["INCLUDE_CONFLICT a.yaml:1:11"],
    );
    assertEquals(
      faults({
        "a.yaml": "include: [b.yaml]\ncontainers: {x: {commands: [x]}}\n",
        "b.yaml": "include: [a.yaml]\ncontainers: {y: {commands: [x]}}\n",
      }),
      ["INCLUDE_CIRCLE b.yaml:1:11"],
    );
  });
});

describe("files over each other", () => {
  test("as extends, and a container by its name", () => {
    const { desired, places } = good(
      {
        "a.yaml":
          "containers:\n  web: {commands: [a], limits: {pids: 3}}\n  gone: {commands: [g]}\n",
        "b.yaml":
          "containers:\n  web: {limits: {memory: 8MiB}}\n  gone: !reset\n  new: {commands: [n]}\n",
      },
      ["b.yaml"],
    );
    assertEquals(desired.containers.map(({ name }) => name), ["web", "new"]);
    assertEquals(desired.project, "a");
    const { limits } = desired.containers[0]!;
    assertEquals([limits.pids, limits.memoryBytes], [3, 8 << 20]);
    assertEquals(places["/containers/web/limits/memory"]?.file, "b.yaml");
  });

  test("paths of a file elsewhere start there", () => {
    const { first } = good(
      {
        "a.yaml": "commands: [a]\n",
        "../ops/b.yaml": "inputs: [{from: ./x, to: /x}]\nextends: c.yaml\n",
        "c.yaml": "volumes: [./v:/v]\n",
      },
      ["../ops/b.yaml"],
    );
    assertEquals(first.inputs[0]?.from, "/ops/x");
    assertEquals(first.volumes.map((one) => one.kind === "bind" && one.path), ["ops/v"]);
  });
});
