import { describe, test } from "node:test";
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertFalse } from "@std/assert";
import { schema } from "../../../spec/model/schema.ts";
import { generate } from "../../../tools/build_validators.ts";

const ROOT = new URL("../../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

describe("what is generated from the schema", () => {
  test("is what the generator writes now", async () => {
    for (const [path, text] of await generate()) assert(read(path) === text, `${path} is stale`);
  });
  test("is one module without eval, require or imports", () => {
    // ajv keeps the call as text beside its length function, for a generator that we don't use.
    const source = read("spec/generated/validate.js").replaceAll(/\.code='require\([^']*'/g, "");
    for (const word of ["eval(", "new Function", "require(", "import "]) {
      assertFalse(source.includes(word), word);
    }
  });
});

type Schema = { readonly [keyword: string]: unknown };

/** Each key of each map in the schema, with its schema. */
function* keysIn(node: unknown, path: string): Generator<readonly [string, Schema]> {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node as Schema)) {
    if (key === "examples" || key === "default") continue;
    if (key === "properties") {
      for (const [name, property] of Object.entries(value as Record<string, Schema>)) {
        yield [`${path}.${name}`, property];
      }
    }
    yield* keysIn(value, key === "properties" || key === "$defs" ? path : `${path}.${key}`);
  }
}

test("each key of a container and of its subjects has a title and an example", () => {
  const definitions = schema.$defs as Record<string, Schema>;
  for (const [name, definition] of Object.entries(definitions)) {
    if (name === "container") continue;
    assert(typeof definition.title === "string", name);
    assert(typeof definition.description === "string", name);
    assert(Array.isArray(definition.examples), name);
    for (
      const [key, inner] of Object.entries((definition.properties ?? {}) as Record<string, Schema>)
    ) {
      assert(typeof inner.title === "string", `${name}.${key}`);
      assert(Array.isArray(inner.examples) || inner["x-not-yet"] !== undefined, `${name}.${key}`);
    }
  }
});

test("every map with fixed keys refuses others", () => {
  const open: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== "object" || node === null) return;
    const map = node as Schema;
    if (map.properties !== undefined && map.additionalProperties !== false) open.push(path);
    for (const [key, value] of Object.entries(map)) visit(value, `${path}/${key}`);
  };
  const { examples: _examples, ...rest } = schema;
  visit({ ...rest, properties: undefined }, "");
  assertEquals(open, []);
  assertEquals(schema.additionalProperties, false);
  assert([...keysIn(schema, "")].length > 100);
});
