/** Every line of docs/promises.md names a test that is there. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { REPOSITORY } from "../../support/cli.ts";

const page = readFileSync(`${REPOSITORY}/docs/promises.md`, "utf8");
const lines = page.split("\n").filter((line) => line.startsWith("- "));
const FORM = /^- (.+) — `(tests\/[\w/]+_test\.ts)` "(.+)"$/;

/** `test("name"` or `describe("name"`, whatever stands around the name. */
function hasTest(source: string, name: string): boolean {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`\\b(test|describe)\\(\\s*(["'\`])${literal}\\2`).test(source);
}

describe("docs/promises.md", () => {
  test("has promises, each said once", () => {
    const texts = lines.map((line) => FORM.exec(line)?.[1]);
    assert(texts.length > 30, `${texts.length}`);
    assertEquals(new Set(texts).size, texts.length);
  });

  for (const line of lines) {
    test(line.slice(2, 80), () => {
      const [, , file = "", name = ""] = FORM.exec(line) ?? [];
      assert(file !== "", `not of the form \`- promise — \`file\` "test"\`: ${line}`);
      assert(existsSync(`${REPOSITORY}/${file}`), `${file} is not there`);
      const source = readFileSync(`${REPOSITORY}/${file}`, "utf8");
      assert(hasTest(source, name), `${file} has no test "${name}"`);
    });
  }
});

describe("docs/security.md", () => {
  const text = readFileSync(`${REPOSITORY}/docs/security.md`, "utf8");
  for (const [, file = ""] of text.matchAll(/`(tests\/[\w/]+\.ts)`/g)) {
    test(`${file} is there`, () => assert(existsSync(`${REPOSITORY}/${file}`)));
  }
});
