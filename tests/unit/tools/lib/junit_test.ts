import { describe, test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { readJunit } from "../../../../tools/lib/junit.mjs";

interface Case {
  readonly name: string;
  readonly outcome: string;
  readonly detail: string;
}

const outcomes = (xml: string) =>
  readJunit(xml).map(({ name, outcome }: Case) => `${outcome} ${name}`);

const BUN = `<testsuites name="bun test" tests="4">
  <testsuite name="a_test.ts" file="a_test.ts">
    <testcase name="ok" classname="" file="a_test.ts" />
    <testcase name="bad &lt;x&gt;" file="a_test.ts">
      <failure type="Error" message="boom">Error: boom&#10;  at a</failure>
    </testcase>
    <testsuite name="group" file="a_test.ts">
      <testcase name="in" classname="group" file="a_test.ts" />
      <testcase name="skip" file="a_test.ts">
        <skipped />
      </testcase>
    </testsuite>
  </testsuite>
</testsuites>`;

const DENO = `<testsuites name="deno test" tests="6">
  <testsuite name="./a_test.ts" tests="3">
    <testcase name="ok" classname="./a_test.ts">
    </testcase>
    <testcase name="group" classname="./a_test.ts">
      <failure message="1 test step failed">1 test step failed.</failure>
    </testcase>
    <testcase name="hooked" classname="./a_test.ts">
      <failure message="Uncaught">Error: in after()</failure>
    </testcase>
  </testsuite>
  <testsuite name="ext:deno_node/testing.ts" tests="3">
    <testcase name="group &gt; in" classname="x">
      <failure message="Uncaught">Error: b</failure>
    </testcase>
    <testcase name="group &gt; skip" classname="x">
      <skipped/>
    </testcase>
    <testcase name="hooked &gt; in" classname="x">
    </testcase>
  </testsuite>
</testsuites>`;

const NODE = `<testsuites>
  <testcase name="ok" classname="test"/>
  <testsuite name="group" tests="2">
    <testcase name="in" classname="test"/>
    <testcase name="bad" classname="test" failure="y">
      <failure type="testCodeFailure" message="y">Error</failure>
    </testcase>
  </testsuite>
</testsuites>`;

describe("readJunit()", () => {
  test("reads Bun's form", () => {
    assertEquals(outcomes(BUN), [
      "passed ok",
      "failed bad <x>",
      "passed group > in",
      "skipped group > skip",
    ]);
    assertStringIncludes(readJunit(BUN)[1]?.detail ?? "", "Error: boom\n  at a");
  });

  test("reads Deno's form: groups are no tests, unless they fail by themselves", () => {
    assertEquals(outcomes(DENO), [
      "passed ok",
      "failed hooked",
      "failed group > in",
      "skipped group > skip",
      "passed hooked > in",
    ]);
  });

  test("reads Node's form", () => {
    assertEquals(outcomes(NODE), ["passed ok", "passed group > in", "failed group > bad"]);
  });

  test("reads how long each took", () => {
    const xml = '<testsuite name="a_test.ts"><testcase name="a" time="1.25"/></testsuite>';
    assertEquals(readJunit(xml).map(({ ms }: { ms: number }) => ms), [1250]);
  });

  test("finds nothing in nothing", () => assertEquals(readJunit(""), []));
});
