import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { readMembers, readQuery } from "../../../../../runtime/serve/http/fields.ts";
import { matchRoute } from "../../../../../runtime/serve/http/match.ts";
import { parseTarget } from "../../../../../runtime/serve/http/target.ts";

const statusOf = (value: object): unknown => "status" in value ? value.status : value;

test("parseTarget() decodes paths and queries, and refuses what can't be", () => {
  assertEquals(parseTarget("/v1/a%2Fb/%C3%A9?x=1&y=a+b%2B&z&&w=%3D"), {
    segments: ["v1", "a/b", "é"],
    query: [["x", "1"], ["y", "a b+"], ["z", ""], ["w", "="]],
  });
  for (
    const bad of ["/a/../b", "/%2e%2e/b", "/./b", "/%", "/%zz", "/%ff", "/%00", "/a?b=%0a", "/?%=1"]
  ) {
    assertEquals(statusOf(parseTarget(bad)), 400, bad);
  }
});

test("matchRoute() finds rows, and the methods of a path", () => {
  const rows = [
    { method: "GET", path: "/v1/a" },
    { method: "GET", path: "/v1/a/{name}" },
    { method: "DELETE", path: "/v1/a/{name}" },
    { method: "POST", path: "/v1/a/{name}/stop" },
  ];
  const find = (method: string, path: string): unknown => {
    const found = matchRoute(rows, method, path.slice(1).split("/"));
    return "row" in found ? [found.row.path, found.names] : found;
  };
  assertEquals(find("GET", "/v1/a"), ["/v1/a", {}]);
  assertEquals(find("DELETE", "/v1/a/b"), ["/v1/a/{name}", { name: "b" }]);
  assertEquals(find("POST", "/v1/a/b"), ["GET", "DELETE"]);
  for (const path of ["/v1/a/", "/v1/a//stop", "/v1", "/", "/v1/b", "/v1/a/b/stop/c"]) {
    assertEquals(find("GET", path), [], path);
  }
});

const FIELDS = {
  text: { kind: "text", help: "" },
  flag: { kind: "flag", help: "" },
  count: { kind: "count", help: "" },
  words: { kind: "words", help: "" },
  pairs: { kind: "pairs", help: "" },
} as const;

test("readQuery() gives values of their kinds, and refuses everything else", () => {
  assertEquals(
    readQuery([["text", "a"], ["flag", ""], ["count", "7"], ["words", "b"], ["words", "c"], [
      "pairs",
      "D=e=f",
    ]], FIELDS),
    { text: "a", flag: true, count: 7, words: ["b", "c"], pairs: { D: "e=f" } },
  );
  assertEquals(readQuery([["flag", "false"]], FIELDS), { flag: false });
  const bad: readonly (readonly [string, string])[][] = [
    [["other", "a"]],
    [["constructor", "a"]],
    [["__proto__", "a"]],
    [["text", "a"], ["text", "b"]],
    [["flag", "constructor"]],
    [["flag", "yes"]],
    [["count", "-1"]],
    [["count", "1e3"]],
    [["pairs", "=a"]],
  ];
  for (const pairs of bad) assertEquals(statusOf(readQuery(pairs, FIELDS)), 400, pairs.join());
  const needed = { text: { kind: "text", help: "", required: true } } as const;
  assertEquals(statusOf(readQuery([], needed)), 400);
});

test("readMembers() takes an object with members of their kinds alone", () => {
  const good = { text: "a", flag: false, count: 0, words: ["b"], pairs: { C: "d" } };
  assertEquals(readMembers(good, FIELDS), good);
  const bad: unknown[] = [
    null,
    [],
    "a",
    { other: 1 },
    JSON.parse('{"__proto__": 1}'),
    { text: 1 },
    { flag: "true" },
    { count: 1.5 },
    { count: -1 },
    { words: "a" },
    { words: [1] },
    { pairs: ["a"] },
    { pairs: { A: 1 } },
    { pairs: null },
  ];
  for (const value of bad) {
    assertEquals(statusOf(readMembers(value, FIELDS)), 400, JSON.stringify(value));
  }
});
