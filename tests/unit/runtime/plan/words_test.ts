/** The small parts that operations are made of: quoting, paths, errnos, errors. */
import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { branchOnErrno } from "../../../../runtime/plan/emitter.ts";
import { ContainervError } from "../../../../runtime/plan/error.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import { callsOf, showCalls } from "../../../../runtime/plan/lower.ts";
import { relative, splitPath } from "../../../../runtime/plan/ops/root.ts";
import { quote } from "../../../../runtime/plan/quote.ts";

test("quote() escapes as strace and C do", () => {
  const rows = [
    ["", '""'],
    ["plain", '"plain"'],
    ['a "b" \\', '"a \\"b\\" \\\\"'],
    ["line\nend\t", '"line\\nend\\t"'],
    ["\x01\x1b\x7f", '"\\1\\33\\177"'],
    ["ä€😀", '"ä€😀"'],
  ] as const;
  for (const [text, quoted] of rows) assertEquals(quote(text), quoted);
});

test("splitPath() and relative()", () => {
  assertEquals(splitPath("/a/b/c"), ["/a/b", "c"]);
  assertEquals(splitPath("/a"), ["/", "a"]);
  assertEquals(relative("/a/b"), "a/b");
  assertEquals(relative("/"), ".");
  assertEquals(relative("//a"), "a");
});

test("branchOnErrno() asks for each errno in turn", () => {
  const records = branchOnErrno([2, 17], { to: "good", otherwise: "bad" });
  assertEquals(
    records.map((one) => one.kind === "branch" ? [one.when, one.right, one.to] : one),
    [["equal", 2, "good"], ["equal", 17, "good"], { kind: "jump", to: "bad" }],
  );
});

describe("ContainervError", () => {
  const place = { file: "web.yaml", line: 14, column: 11, offset: 0, length: 1 };

  test("says where: the place, else the pointer", () => {
    const facts = { code: "X", message: "m", pointer: "/limits", syscall: "s() = -1", fix: "f" };
    const error = new ContainervError({ ...facts, place });
    assertEquals([error.yaml, error.syscall, error.fix], ["web.yaml:14:11", "s() = -1", "f"]);
    assertEquals(new ContainervError(facts).yaml, "/limits");
    assertEquals([error.name, error.code, error.message], ["ContainervError", "X", "m"]);
    assert(error instanceof Error);
  });
});

test("HostError keeps code, origin and fix", () => {
  const error = new HostError("NO", { origin: "/user", message: "no", fix: "yes" });
  assertEquals([error.name, error.code, error.origin, error.fix, error.message], [
    "HostError",
    "NO",
    "/user",
    "yes",
    "no",
  ]);
  assertEquals(new HostError("NO", { origin: "default", message: "no" }).fix, undefined);
});

test("a value of any length is read back whole", () => {
  const op = {
    kind: "cgroup.write",
    id: "x",
    where: "stage",
    origin: "default",
    path: "/f",
    value: "1",
    holds: "x".repeat(1000),
  } as const;
  const reads = callsOf(op).filter(({ name }) => name === "read");
  assert(reads.every(({ words }) => Number(words[2]) > 1001));
  assertEquals(showCalls(op).at(-1)?.startsWith("close(-1"), true);
});
