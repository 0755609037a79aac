import { describe, test } from "node:test";
import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
} from "@std/assert";

const cyclic = () => {
  const value: { self?: unknown; name: string } = { name: "a" };
  value.self = value;
  return value;
};

describe("equal()", () => {
  const table: readonly [name: string, a: unknown, b: unknown, want: boolean][] = [
    ["numbers", 1, 1, true],
    ["NaN", NaN, NaN, true],
    ["zeros", 0, -0, true],
    ["number and bigint", 1, 1n, false],
    ["number and text", 1, "1", false],
    ["null and undefined", null, undefined, false],
    ["missing and undefined key", { a: undefined }, {}, false],
    ["other key of the same count", { a: 1 }, { b: 1 }, false],
    ["no prototype and plain", Object.assign(Object.create(null), { a: 1 }), { a: 1 }, true],
    ["array and object", [], {}, false],
    ["class and plain", new URL("http://a/"), {}, false],
    ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2]), true],
    ["other bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3]), false],
    ["buffers", new Uint8Array([1]).buffer, new Uint8Array([2]).buffer, false],
    ["dates", new Date(1), new Date(2), false],
    ["patterns", /a/g, /a/g, true],
    ["pattern flags", /a/g, /a/, false],
    ["sets in another order", new Set([{ a: 1 }, 2]), new Set([2, { a: 1 }]), true],
    ["sets that differ", new Set([{ a: 1 }]), new Set([{ a: 2 }]), false],
    ["maps", new Map([[{ k: 1 }, "v"]]), new Map([[{ k: 1 }, "v"]]), true],
    ["maps of undefined", new Map([["k", undefined]]), new Map([["k", undefined]]), true],
    ["maps with other values", new Map([["k", 1]]), new Map([["k", 2]]), false],
    ["errors by message", new Error("a"), new Error("b"), false],
    ["cycles", cyclic(), cyclic(), true],
    ["deep difference", { a: [{ b: 1n }] }, { a: [{ b: 2n }] }, false],
    ["array lengths", [1, 2], [1], false],
  ];
  for (const [name, a, b, want] of table) {
    test(name, () => {
      assert(equal(a, b) === want);
      assert(equal(b, a) === want);
    });
  }
});

describe("each assertion throws AssertionError when it does not hold, and only then", () => {
  const table: readonly [name: string, good: () => void, bad: () => void][] = [
    ["assert", () => assert(1), () => assert(0)],
    ["assertFalse", () => assertFalse(0), () => assertFalse(1)],
    ["assertEquals", () => assertEquals({ a: [1] }, { a: [1] }), () => assertEquals([1], [2])],
    ["assertNotEquals", () => assertNotEquals([1], [2]), () => assertNotEquals([1], [1])],
    ["assertStrictEquals", () => assertStrictEquals("a", "a"), () => assertStrictEquals({}, {})],
    ["assertExists", () => assertExists(0), () => assertExists(null)],
    ["assertGreater", () => assertGreater(2, 1), () => assertGreater(1, 1)],
    ["assertLess", () => assertLess(1, 2), () => assertLess(1, 1)],
    ["assertMatch", () => assertMatch("abc", /b/), () => assertMatch("abc", /x/)],
    [
      "assertStringIncludes",
      () => assertStringIncludes("abc", "bc"),
      () => assertStringIncludes("a", "b"),
    ],
    [
      "assertArrayIncludes",
      () => assertArrayIncludes([{ a: 1 }, 2], [{ a: 1 }]),
      () => assertArrayIncludes([1], [2]),
    ],
    [
      "assertInstanceOf",
      () => assertInstanceOf(new Map(), Map),
      () => assertInstanceOf(new Map(), Set),
    ],
    [
      "assertObjectMatch",
      () => assertObjectMatch({ a: { b: 1, c: 2 }, d: [1, 2] }, { a: { b: 1 } }),
      () => assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }),
    ],
    [
      "assertThrows",
      () => {
        assertThrows(
          () => {
            throw new TypeError("no such thing");
          },
          TypeError,
          "no such",
        );
      },
      () => {
        assertThrows(() => 1);
      },
    ],
    [
      "assertThrows with a class",
      () => {
        assertThrows(() => fail("x"), AssertionError, "x");
      },
      () => {
        assertThrows(() => fail("x"), TypeError);
      },
    ],
    [
      "assertIsError",
      () => assertIsError(new Error("abc"), Error, /b/),
      () => assertIsError("abc"),
    ],
  ];
  for (const [name, good, bad] of table) {
    test(name, () => {
      good();
      let error: unknown;
      try {
        bad();
      } catch (caught) {
        error = caught;
      }
      assert(error instanceof AssertionError, `${name} did not throw`);
    });
  }

  test("assertRejects takes rejections and nothing else", async () => {
    const error = await assertRejects(
      () => Promise.reject(new TypeError("late")),
      TypeError,
      "late",
    );
    assertEquals(error.message, "late");
    await assertRejects(() => assertRejects(() => Promise.resolve(1)), AssertionError, "expected");
    await assertRejects(
      () =>
        assertRejects(() => {
          throw new Error("early");
        }),
      AssertionError,
      "not rejected",
    );
  });
});

test("assertEquals() shows both sides", () => {
  const error = assertThrows(() => assertEquals({ a: 1, b: 2 }, { a: 1, b: 3 }), AssertionError);
  assertStringIncludes(error.message, "- ");
  assertStringIncludes(error.message, "b: 3");
});
