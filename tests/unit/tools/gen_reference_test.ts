/** The reference pages are what their tables say, and their examples are specs. */
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FEATURES } from "../../../runtime/observe/features.ts";
import { loadSpec } from "../../../spec/load.ts";
import { CONTAINER_KEYS, PROJECT_KEYS, schema } from "../../../spec/model/schema.ts";
import { generatePages } from "../../../tools/gen_reference.ts";
import { yamlPage } from "../../../tools/lib/yaml_page.ts";
import { REPOSITORY } from "../../support/cli.ts";

const read = (path: string): string => readFileSync(`${REPOSITORY}/${path}`, "utf8");

describe("generated pages", () => {
  for (const [path, text] of generatePages()) {
    test(`${path} is fresh (else: tools/gen_reference.ts)`, () => {
      assertEquals(read(path), text);
    });
  }

  test("docs/yaml.md has a heading per key", () => {
    const headings = [...read("docs/yaml.md").matchAll(/^### (\S+)$/gm)].map(([, key]) => key);
    const keys = [...Object.keys(PROJECT_KEYS), "containers", ...Object.keys(CONTAINER_KEYS)];
    assertEquals(headings.toSorted(), keys.toSorted());
  });

  test("docs/kernel-features.md has a heading per feature, with what gets it", () => {
    const page = read("docs/kernel-features.md");
    for (const { name, fix } of FEATURES) {
      const section = page.split(`\n### ${name}\n`)[1]?.split("\n#")[0];
      assert(section?.includes(`to get it: \`${fix}\``), name);
    }
  });
});

/** An example is a key alone: the containers that it names stand elsewhere in the file, values of variables outside of it. */
const FINE = [
  "NOT_YET",
  "UNKNOWN_CONTAINER",
  "MISSING_VARIABLE",
  "FILE_UNREADABLE",
  "EXTENDS_UNKNOWN",
];

describe("examples of docs/yaml.md", () => {
  const blocks = [...read("docs/yaml.md").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)];

  test("there is one for each key at least", () => {
    assert(blocks.length >= Object.keys(CONTAINER_KEYS).length, `${blocks.length} examples`);
  });

  for (const [, text = ""] of blocks) {
    test(`${text.trim()} is good, or "not yet"`, () => {
      const { diagnostics } = loadSpec({ text, file: "example.yaml", directory: "/srv" });
      const wrong = diagnostics.filter(({ severity, code }) =>
        severity === "error" && !FINE.includes(code)
      );
      assertEquals(wrong.map(({ code, message }) => `${code}: ${message}`), []);
    });
  }
});

describe("yamlPage()", () => {
  test("a key says what it takes, its default, its keys, and whether it works", () => {
    const page = yamlPage({
      properties: { box: { $ref: "#/$defs/box" }, later: { "x-not-yet": "What works: box." } },
      $defs: {
        box: {
          title: "Box",
          description: "A box.",
          "x-expects": "a map such as {size: 1}",
          examples: [{ size: 1, names: ["a b"] }],
          properties: {
            size: { enum: [1, 2], default: 1, description: "1 | 2" },
            names: { items: { properties: { at: { "x-not-yet": "no" } } } },
          },
        },
      },
    });
    assertMatch(page, /^\| \[`box`\]\(#box\) \| Box \| partly \|$/m);
    assertMatch(page, /^\| \[`later`\]\(#later\) \| {2}\| not yet \|$/m);
    assertMatch(page, /^takes: a map such as \{size: 1\}$/m);
    assertMatch(page, /^box: \{size: 1, names: \["a b"\]\}$/m);
    assertMatch(page, /^\| `box\.size` \| `1`, `2` \| `1` \| 1 \\\| 2 \|$/m);
    assertMatch(page, /^\| `box\.names\[\]\.at` \|/m);
  });

  test("the schema has nothing that the page leaves out: every property is named", () => {
    const page = read("docs/yaml.md");
    const names = new Set<string>();
    JSON.stringify(schema, (key, value) => {
      if (key === "properties") {
        for (const name of Object.keys(value as object)) names.add(name);
      }
      return value;
    });
    for (const name of names) assertMatch(page, new RegExp(`[.\`# ]${name}\\b`), name);
  });
});
