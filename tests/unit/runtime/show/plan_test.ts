import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { dotted, planJson, showOrigin, showPlan } from "../../../../runtime/show/plan.ts";
import { loadSpec } from "../../../../spec/load.ts";
import { compile } from "../../../../runtime/subjects/compile.ts";
import { ANSWERS, HOST_V2 } from "../support/hosts.ts";

const TEXT = 'commands: ["echo hi"]\nlimits:\n  memory: 64MiB\n';

function fixture() {
  const { desired, places } = loadSpec({ text: TEXT, file: "box.yaml", directory: "/specs" });
  const container = desired?.containers[0];
  if (container === undefined) throw new Error("the fixture is wrong");
  return { plan: compile(container, HOST_V2, ANSWERS), places };
}

describe("showPlan()", () => {
  const { plan, places } = fixture();
  const lines = showPlan(plan, { places }).trimEnd().split("\n");

  test("begins with what is made and ends with the promise", () => {
    assertEquals(lines[0], `+ box   create, ${plan.ops.length} operations`);
    assertEquals(lines.at(-1), "1 to create. Nothing was changed.");
  });

  test("has one numbered line an operation that ends in the line that asked for it", () => {
    const numbered = lines.filter((line) => /^ *\d+ /.test(line) && !line.startsWith("1 to"));
    assertEquals(numbered.length, plan.ops.length);
    numbered.forEach((line, index) => assertEquals(Number.parseInt(line, 10), index + 1));
    assert(numbered.every((line) => / (default|:\d+ [a-z].*)$/.test(line)));
    const memory = numbered.find((line) => line.includes("memory.max")) ?? "";
    assertStringIncludes(memory, 'write("/sys/fs/cgroup/containerv/box/memory.max", "67108864")');
    assertStringIncludes(memory, ":3 limits.memory");
  });

  test("says what is taken back, last first, and what is lost", () => {
    const at = lines.indexOf("  afterwards, and whenever a step fails:");
    assertStringIncludes(lines[at + 1] ?? "", 'rmdir("/sys/fs/cgroup/containerv/box")');
    assertStringIncludes(lines[at + 2] ?? "", "! the default policy");
  });

  test("with calls: every call, indented below its operation", () => {
    const shown = showPlan(plan, { places, calls: true });
    assertStringIncludes(
      shown,
      '\n       openat(AT_FDCWD, "/sys/fs/cgroup/containerv/box/memory.max", O_WRONLY|O_CLOEXEC)\n',
    );
    assert(shown.split("\n").length > 5 * lines.length);
  });

  test("nothing of a spec moves the cursor", () => {
    const op = { where: "container", origin: "default", kind: "hostname", id: "h" } as const;
    const ops = [{ ...op, name: "a\u009b2J\u202eb\x1b" }];
    const shown = showPlan({ ...plan, ops, losses: [] }, { places, calls: true });
    assertStringIncludes(shown, 'sethostname("a\\x9b2J\\u202eb');
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(shown), shown);
  });

  test("without anything to take back it does not say so", () => {
    const short = { ...plan, ops: plan.ops.slice(0, 1), losses: [] };
    assertEquals(showPlan(short, { places }).split("\n").length, 4);
  });
});

test("planJson(): the plan, and per operation its line, its calls and its place", () => {
  const { plan, places } = fixture();
  const json = planJson(plan, places) as { ops: Record<string, unknown>[]; container: string };
  assertEquals(json.container, "box");
  assertEquals(json.ops.length, plan.ops.length);
  for (const op of json.ops) {
    assert(typeof op["show"] === "string" && Array.isArray(op["calls"]));
    assertEquals(op["line"] !== undefined, op["origin"] !== "default", `${op["id"]}`);
  }
  assertEquals(JSON.parse(JSON.stringify(json)), json);
});

test("showOrigin() and dotted()", () => {
  const place = { file: "a", line: 7, column: 1, offset: 0, length: 1 };
  assertEquals(showOrigin("default", {}), "default");
  assertEquals(showOrigin("command line", {}), "command line");
  assertEquals(showOrigin("/limits/memory", {}), "limits.memory");
  assertEquals(showOrigin("/limits/memory", { "/limits/memory": place }), ":7 limits.memory");
  assertEquals(dotted("/commands/0/exec"), "commands[0].exec");
  assertEquals(dotted("/containers/web/labels/a~1b~0c"), "containers.web.labels.a/b~c");
});
