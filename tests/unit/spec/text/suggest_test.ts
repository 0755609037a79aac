import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { editDistance, suggest } from "../../../../spec/text/suggest.ts";

const KEYS = [
  "environment",
  "environmentFiles",
  "limits",
  "memory",
  "network",
  "hostname",
  "user",
  "userns",
];

describe("suggest()", () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ["enviroment", "environment"],
    ["Limits", "limits"],
    ["limtis", "limits"],
    ["netwrok", "network"],
    ["environment_files", "environmentFiles"],
    ["host-name", "hostname"],
    ["usr", "user"],
    ["usernns", "userns"],
    ["banana", undefined],
    ["", undefined],
    ["-", undefined],
    ["x".repeat(100), undefined],
  ];
  for (const [word, want] of table) {
    test(`${JSON.stringify(word.slice(0, 20))} → ${want}`, () =>
      assertEquals(suggest(word, KEYS), want));
  }
});

describe("editDistance()", () => {
  const table: readonly (readonly [string, string, number])[] = [
    ["", "", 0],
    ["a", "", 1],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["kitten", "sitting", 3],
    ["ca", "abc", 3],
  ];
  for (const [left, right, want] of table) {
    test(`${left} ${right}`, () => {
      assertEquals(editDistance(left, right), want);
      assertEquals(editDistance(right, left), want);
    });
  }
});
