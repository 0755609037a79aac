import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { findSpan, findTree, listPlaces, pointerAt } from "../../../../spec/text/locate.ts";
import { parse } from "../../../../spec/text/parse.ts";
import { isWithin, join, keysOf, valueOf } from "../../../../spec/text/tree.ts";

const TEXT = `name: web
limits:
  memory: 64MiB
commands:
  - [make, -j2]
"a/b~c": {x: &v 1}
y: *v
x-own: {deep: 1}
empty:
`;
const { tree, lines } = parse(TEXT, "a.yaml");
assert(tree !== undefined);

const marked = (pointer: string, part: "key" | "value") => {
  const { start, end } = findSpan(tree, pointer, part);
  return TEXT.slice(start, end);
};

describe("findSpan()", () => {
  const table: readonly (readonly [string, "key" | "value", string])[] = [
    ["/limits/memory", "value", "64MiB"],
    ["/limits/memory", "key", "memory"],
    ["/commands/0", "value", "[make, -j2]"],
    ["/commands/0/1", "value", "-j2"],
    ["/commands/0/1", "key", "-j2"],
    ["/a~1b~0c/x", "value", "1"],
    ["/y", "value", "1"],
    ["/empty", "value", "empty"],
    ["/limits/nothing", "value", "limits"],
    ["/name/nothing", "value", "name"],
    ["/commands/7", "value", "commands"],
    ["/nothing", "value", ""],
    ["", "value", ""],
  ];
  for (const [pointer, part, want] of table) {
    test(`${part} of ${pointer}`, () => assertEquals(marked(pointer, part), want));
  }
  test("without a tree it is the start", () => {
    assertEquals(findSpan(undefined, "/a", "key"), { start: 0, end: 0 });
  });
});

test("listPlaces() has each pointer but those below x-", () => {
  const places = listPlaces(tree, lines);
  assertEquals(Object.keys(places).sort(), [
    "",
    "/a~1b~0c",
    "/a~1b~0c/x",
    "/commands",
    "/commands/0",
    "/commands/0/0",
    "/commands/0/1",
    "/empty",
    "/limits",
    "/limits/memory",
    "/name",
    "/y",
  ]);
  assertEquals(places["/limits/memory"], {
    file: "a.yaml",
    line: 3,
    column: 3,
    offset: 20,
    length: 6,
  });
  assertEquals(JSON.parse(JSON.stringify(places)), places);
});

test("pointerAt() is the reverse of findSpan() for keys and values", () => {
  for (const pointer of Object.keys(listPlaces(tree, lines))) {
    if (pointer === "" || pointer === "/y") continue; // /y is an alias: its text is elsewhere
    assertEquals(pointerAt(tree, findSpan(tree, pointer, "key").start), pointer);
  }
  assertEquals(pointerAt(tree, TEXT.indexOf("limits")), "/limits");
});

test("findTree() gives the node", () => {
  assertEquals(findTree(tree, "/commands/0/0")?.kind, "scalar");
  assertEquals(findTree(tree, "/nothing/at/all"), undefined);
});

test("pointers are escaped as RFC 6901 says", () => {
  assertEquals(join("/a", "b/c", "~d", 0), "/a/b~1c/~0d/0");
  assertEquals(keysOf("/a/b~1c/~0d/0"), ["a", "b/c", "~d", "0"]);
  assertEquals(keysOf(""), []);
  assert(isWithin("/a/b", "/a") && isWithin("/a", "/a") && !isWithin("/ab", "/a"));
});

test("valueOf() gives maps without a prototype, and shares what an alias names", () => {
  const shared = parse("x-a: &a {toString: 1}\nx-b: [*a, *a]\n", "a.yaml").tree;
  assert(shared !== undefined);
  const value = valueOf(shared) as { "x-a": object; "x-b": readonly object[] };
  assertEquals(Object.getPrototypeOf(value["x-a"]), null);
  assert(value["x-b"][0] === value["x-a"] && value["x-b"][1] === value["x-a"]);
});
