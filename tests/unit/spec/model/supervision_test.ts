import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import type { Context } from "../../../../spec/model/context.ts";
import { normaliseInputs, normaliseOutputs } from "../../../../spec/model/copies.ts";
import { activeContainers, startOrder } from "../../../../spec/model/depends.ts";
import type { Problem } from "../../../../spec/text/problem.ts";
import { codesOf, containerOf, desiredOf, load } from "./load_from.ts";

/** `{a: "…", b: "…"}` → a file of containers with these keys and a command. */
function project(containers: Readonly<Record<string, string>>): string {
  const rows = Object.entries(containers).map(([name, keys]) =>
    `  ${name}: {commands: [a]${keys === "" ? "" : `, ${keys}`}}`
  );
  return `containers:\n${rows.join("\n")}\n`;
}

function table(name: string, rows: readonly (readonly [string, readonly string[]])[]): void {
  describe(name, () => {
    for (const [text, want] of rows) {
      test(text.replaceAll("\n", " "), () => assertEquals(codesOf(text), want));
    }
  });
}

describe("restart", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ["no", { policy: "no", backoffMs: 1000 }],
    ["always", { policy: "always", backoffMs: 1000 }],
    ["{policy: on-failure, maxRetries: 3, backoff: 500ms}", {
      policy: "on-failure",
      maxRetries: 3,
      backoffMs: 500,
    }],
  ];
  for (const [text, want] of rows) {
    test(text, () => assertEquals(containerOf(`restart: ${text}`).restart, want as never));
  }
});

describe("healthcheck", () => {
  test("the defaults", () => {
    assertEquals(containerOf("healthcheck: {exec: [pg_isready]}").healthcheck, {
      test: { kind: "exec", exec: ["pg_isready"] },
      intervalMs: 30_000,
      timeoutMs: 30_000,
      retries: 3,
      startPeriodMs: 0,
      onFailure: "none",
      origin: "/healthcheck",
    });
  });
  const rows: readonly (readonly [string, unknown])[] = [
    ["{shell: 'test -e /x'}", { kind: "exec", exec: ["/bin/sh", "-ec", "test -e /x"] }],
    ["{http: {port: 80}}", { kind: "http", port: 80, path: "/" }],
    ["{http: {port: 80, path: /up}}", { kind: "http", port: 80, path: "/up" }],
    ["{tcp: {port: 5432}}", { kind: "tcp", port: 5432 }],
  ];
  for (const [text, want] of rows) {
    test(text, () => {
      assertEquals(containerOf(`healthcheck: ${text}`).healthcheck?.test, want as never);
    });
  }
});

table("what is wrong with one container", [
  ["restart: sometimes", ["BAD_VALUE /restart"]],
  ["restart: {policy: no, maxRetries: 2}", ["CONTRADICTION /restart/maxRetries"]],
  ["restart: {policy: no, backoff: 2s}", ["CONTRADICTION /restart/backoff"]],
  ["restart: {policy: always, backoff: 99999d}", ["BAD_DURATION /restart/backoff"]],
  ["restart: {backoff: 1s}", ["MISSING_KEY /restart"]],
  ["healthcheck: {exec: [a], shell: b}", ["CONTRADICTION /healthcheck"]],
  ["healthcheck: {interval: 1s}", ["MISSING_KEY /healthcheck"]],
  ["healthcheck: {tcp: {port: 1}, interval: 0s}", ["BAD_DURATION /healthcheck/interval"]],
  ["healthcheck: {tcp: {port: 1}, timeout: 0ms}", ["BAD_DURATION /healthcheck/timeout"]],
  ["healthcheck: {tcp: {port: 0}}", ["BAD_VALUE /healthcheck/tcp/port"]],
  ["update: sometimes", ["BAD_VALUE /update"]],
  ["update: startFirst\nrootfs: {writable: disk}", ["CONTRADICTION /update"]],
  ["profiles: []", ["EMPTY_VALUE /profiles"]],
  ["profiles: [a, a]", ["DUPLICATE_VALUE /profiles"]],
  ["dependsOn: [db]", ["UNKNOWN_CONTAINER /dependsOn/0"]],
]);

table("what is wrong between containers", [
  [project({ a: "dependsOn: [b]", bb: "" }), ["UNKNOWN_CONTAINER /containers/a/dependsOn/0"]],
  [project({ a: "dependsOn: [a]" }), ["DEPENDENCY_CYCLE /containers/a/dependsOn/0"]],
  [project({ a: "join: {network: a}" }), ["DEPENDENCY_CYCLE /containers/a/join/network"]],
  [project({ a: "join: {network: b}", b: "join: {ipc: a}" }), [
    "DEPENDENCY_CYCLE /containers/a/join/network",
  ]],
  [project({ a: "dependsOn: [b]", b: "dependsOn: {a: started}" }), [
    "DEPENDENCY_CYCLE /containers/a/dependsOn/0",
  ]],
  [project({ a: "dependsOn: {b: healthy}", b: "" }), ["CONTRADICTION /containers/a/dependsOn/b"]],
  [project({ a: "dependsOn: {b: completed}", b: "restart: always" }), [
    "CONTRADICTION /containers/a/dependsOn/b",
  ]],
  [project({ a: "dependsOn: {b: completed}", b: "restart: on-failure" }), []],
  [project({ a: "dependsOn: {b: later}", b: "" }), ["BAD_VALUE /containers/a/dependsOn/b"]],
  [project({ a: "dependsOn: [b, b]", b: "" }), ["DUPLICATE_VALUE /containers/a/dependsOn"]],
  [project({ a: "dependsOn: [b]", b: "profiles: [x]" }), [
    "CONTRADICTION /containers/a/dependsOn/0",
  ]],
  [project({ a: "profiles: [x, y], dependsOn: [b]", b: "profiles: [x]" }), [
    "CONTRADICTION /containers/a/dependsOn/0",
  ]],
  [project({ a: "profiles: [x], dependsOn: [b]", b: "profiles: [x, y]" }), []],
]);

describe("dependsOn", () => {
  test("a list: healthy where there is a check, else started", () => {
    const text = project({
      a: "dependsOn: [b, c]",
      b: "healthcheck: {tcp: {port: 1}}",
      c: "",
    });
    const at = "/containers/a/dependsOn";
    assertEquals(desiredOf(text).containers[0]?.dependsOn, [
      { container: "b", condition: "healthy", origin: `${at}/0` },
      { container: "c", condition: "started", origin: `${at}/1` },
    ]);
  });

  test("a circle of three, reached from outside, is said once and by name", () => {
    const text = project({
      out: "dependsOn: [a]",
      a: "dependsOn: [b]",
      b: "dependsOn: [c]",
      c: "dependsOn: [a]",
    });
    const messages = load(text).diagnostics.map(({ message }) => message);
    assertEquals(messages, ["containers wait for each other: a → b → c → a"]);
  });

  test("two circles are two errors; a diamond is none", () => {
    const both = { a: "dependsOn: [b]", b: "dependsOn: [a]", c: "dependsOn: [d]" };
    assertEquals(codesOf(project({ ...both, d: "dependsOn: [c]" })).length, 2);
    const diamond = { a: "dependsOn: [b, c]", b: "dependsOn: [d]", c: "dependsOn: [d]", d: "" };
    assertEquals(codesOf(project(diamond)), []);
  });

  test("the order: as early as what comes before allows, else that of the file", () => {
    const text = project({ web: "dependsOn: [db, cache]", db: "", cache: "", job: "" });
    const order = startOrder(desiredOf(text).containers);
    assertEquals(order.map((step) => step.map(({ name }) => name)), [
      ["db", "cache", "job"],
      ["web"],
    ]);
  });

  test("a chain of thousands needs neither a deep stack nor long", () => {
    const rows = Array.from(
      { length: 2000 },
      (_, index) => [`c${index}`, index === 0 ? "" : `dependsOn: [c${index - 1}]`] as const,
    );
    const { containers } = desiredOf(project(Object.fromEntries(rows)));
    assertEquals(startOrder(containers).length, 2000);
  });
});

describe("profiles", () => {
  test("what is there without and with them", () => {
    const { containers } = desiredOf(
      project({ a: "", b: "profiles: [x]", c: "profiles: [x, y]" }),
    );
    const active = (...names: string[]) =>
      activeContainers(containers, new Set(names)).map(({ name }) => name);
    assertEquals(active(), ["a"]);
    assertEquals(active("x"), ["a", "b", "c"]);
    assertEquals(active("y", "z"), ["a", "c"]);
  });
});

describe("inputs and outputs", () => {
  const problems: Problem[] = [];
  const context: Context = { directory: "/project", report: (one) => void problems.push(one) };

  test("absolute on both sides; a slash at the end goes into", () => {
    const value = [
      { from: "./site.mk", to: "/build/Makefile", mode: "0644" },
      { from: "/etc/x", to: "/in/" },
    ];
    assertEquals(normaliseInputs(context, { value, pointer: "/inputs" }), [
      {
        from: "/project/site.mk",
        base: "/project",
        to: "/build/Makefile",
        into: false,
        mode: 0o644,
        origin: "/inputs/0",
      },
      { from: "/etc/x", base: "/", to: "/in", into: true, origin: "/inputs/1" },
    ]);
    assertEquals(
      normaliseOutputs(context, {
        value: [{ from: "/b/junit.xml", to: "./reports/", when: "always" }, {
          from: "/b/d",
          to: "d",
        }],
        pointer: "/outputs",
      }),
      [
        {
          from: "/b/junit.xml",
          to: "/project/reports",
          base: "/project",
          into: true,
          when: "always",
          origin: "/outputs/0",
        },
        {
          from: "/b/d",
          to: "/project/d",
          base: "/project",
          into: false,
          when: "success",
          origin: "/outputs/1",
        },
      ],
    );
    assertEquals(problems, []);
  });

  test("`..` in the container is a mistake, by its place", () => {
    normaliseInputs(context, { value: [{ from: "a", to: "/a/../b" }], pointer: "/inputs" });
    assertEquals(problems.map(({ code, pointer }) => [code, pointer]), [
      ["BAD_PATH", "/inputs/0/to"],
    ]);
  });
});
