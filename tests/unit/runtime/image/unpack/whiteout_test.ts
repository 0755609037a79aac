import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import type { TarEntry } from "../../../../../runtime/image/tar/read.ts";
import { readWhiteout, type Whiteout } from "../../../../../runtime/image/unpack/whiteout.ts";

const of = (path: string, type: TarEntry["type"] = "file") =>
  readWhiteout({ path, type } as TarEntry);

const CASES: Readonly<Record<string, Whiteout | undefined>> = {
  "a/b": undefined,
  "a.wh.b": undefined,
  "a/.wh.b": { kind: "hide", path: "a/b" },
  ".wh.b": { kind: "hide", path: "b" },
  ".wh..wh..opq": { kind: "opaque", path: "" },
  "a/b/.wh..wh..opq": { kind: "opaque", path: "a/b" },
  ".wh..wh.plnk": { kind: "skip" },
  ".wh..wh.plnk/1.2": { kind: "skip" },
  "a/.wh..wh.aufs": { kind: "skip" },
  ".wh....": { kind: "hide", path: "..." },
};

describe("readWhiteout()", () => {
  for (const [path, whiteout] of Object.entries(CASES)) {
    test(path, () => assertEquals(of(path), whiteout));
  }
  for (const path of [".wh.", "a/.wh..", ".wh...", ".wh.a/b", ".wh.a/.wh.b"]) {
    test(`refuses ${path}`, () => void assertThrows(() => of(path)));
  }
  test("is a file", () => void assertThrows(() => of("a/.wh.b", "directory")));
});
