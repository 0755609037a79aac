import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { tempDir } from "../../support/temp.ts";
import { checkLayers, layerOf, RULES } from "../../../tools/check_layers.ts";

/** Problems of a tree that has just this file (and what it imports need not exist). */
function problemsOf(path: string, text: string): string[] {
  using dir = tempDir();
  dir.write(path, text);
  return checkLayers(dir.path);
}

describe("checkLayers() catches", () => {
  const table: readonly [name: string, path: string, text: string, want: RegExp][] = [
    [
      "abi importing",
      "ffi/abi/a.ts",
      'import { x } from "../calls/b.ts";',
      /a\.ts:1: imports ffi\/calls/,
    ],
    ["a pure layer importing node:fs", "spec/a.ts", 'import "node:fs";', /node:fs: spec is pure/],
    [
      "calls importing the seam",
      "ffi/calls/a.ts",
      '\nimport { x } from "../seam/b.ts";',
      /:2: imports ffi\/seam/,
    ],
    [
      "ffi importing upwards",
      "ffi/linux/a.ts",
      'import { x } from "../../spec/b.ts";',
      /imports spec/,
    ],
    [
      "plan importing values of spec",
      "runtime/plan/a.ts",
      'import { x } from "../../spec/b.ts";',
      /only types/,
    ],
    [
      "a re-export",
      "runtime/show/a.ts",
      'export * from "../apply/b.ts";',
      /imports runtime\/apply/,
    ],
    [
      "a late import",
      "runtime/plan/a.ts",
      'await import("../observe/b.ts");',
      /imports runtime\/observe/,
    ],
    [
      "an imported type",
      "ffi/wire/a.ts",
      'type X = import("../linux/b.ts").X;',
      /imports ffi\/linux/,
    ],
    ["a package", "ffi/linux/a.ts", 'import { parse } from "yaml";', /package yaml/],
    ["a package of another layer", "spec/a.ts", 'import arg from "arg";', /package arg/],
    ["a folder that the design lacks", "runtime/helpers/a.ts", "export {};", /no layer/],
    [
      "node:child_process",
      "runtime/apply/a.ts",
      'import "node:child_process";',
      /no other program/,
    ],
    [
      "child_process without node:",
      "runtime/apply/a.ts",
      'import "child_process";',
      /no other program/,
    ],
    ["Bun.spawn", "ffi/seam/a.ts", "Bun.spawn([]);", /another program/],
    ["Deno.Command", "ffi/seam/a.ts", 'new Deno.Command("a");', /another program/],
    [
      "globalThis.Bun.spawnSync",
      "ffi/seam/a.ts",
      "globalThis.Bun.spawnSync([]);",
      /another program/,
    ],
    ["eval", "runtime/cli/a.ts", 'eval("1");', /code from text/],
    ["new Function", "runtime/cli/a.ts", 'new Function("1");', /code from text/],
    ["Function in generated code", "spec/generated/a.js", 'Function("1")();', /code from text/],
    ["Deno outside the seam", "runtime/cli/a.ts", "Deno.exit(1);", /names a runtime/],
    ["bun:ffi outside the seam", "ffi/linux/a.ts", 'const name = "bun:ffi";', /names bun:ffi/],
  ];
  for (const [name, path, text, want] of table) {
    test(name, () => assertMatch(problemsOf(path, text).join("\n"), want));
  }
});

describe("checkLayers() permits", () => {
  const table: readonly [name: string, path: string, text: string][] = [
    ["the own layer", "spec/text/a.ts", 'import { x } from "../model/b.ts";'],
    [
      "types where only types may be",
      "runtime/plan/a.ts",
      'import type { X } from "../../spec/b.ts";',
    ],
    ["inline types", "runtime/plan/a.ts", 'import { type X } from "../../spec/b.ts";'],
    [
      "the stage's language in plan",
      "runtime/plan/a.ts",
      'import type { X } from "../../ffi/stage/language.ts";',
    ],
    ["yaml in spec", "spec/a.ts", 'import { parse } from "yaml";'],
    ["a runtime in the seam", "ffi/seam/deno.ts", "Deno.dlopen;"],
    [
      "words in comments and texts",
      "spec/a.ts",
      '// eval, Deno.Command\nexport const a = "Bun.spawn";',
    ],
    ["a property of that name", "spec/a.ts", "export const b = (a: { Deno: number }) => a.Deno;"],
    ["node:fs where effects are", "runtime/state/a.ts", 'import { readFileSync } from "node:fs";'],
  ];
  for (const [name, path, text] of table) {
    test(name, () => assertEquals(problemsOf(path, text), []));
  }
});

test("layerOf() takes the longest rule, and every rule names layers that exist", () => {
  assertEquals(layerOf("ffi/abi/errno.ts"), "ffi/abi");
  assertEquals(layerOf("spec/text/parse.ts"), "spec");
  assertEquals(layerOf("runtime/other/a.ts"), undefined);
  for (const rule of Object.values(RULES)) {
    for (const name of [...rule.values, ...rule.types ?? []]) {
      assert(layerOf(name) !== undefined || layerOf(`${name}/x`) !== undefined, name);
    }
  }
});
