/**
 * Writes the reference pages that are made from tables: docs/yaml.md from the JSON Schema, docs/kernel-features.md from the
 * features that `doctor` tries, the routes of docs/serve.md from the table that answers them.
 *
 *     bun tools/gen_reference.ts            # or: deno run -A tools/gen_reference.ts
 *     bun tools/gen_reference.ts --check    # exit 1 when a page differs from what would be written
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { FEATURES } from "../runtime/observe/features.ts";
import { ROUTES } from "../runtime/serve/routes.ts";
import { STATUSES } from "../runtime/serve/status.ts";
import { schema } from "../spec/model/schema.ts";
import { kernelFeaturesPage } from "./lib/kernel_features_page.ts";
import { servePage } from "./lib/serve_page.ts";
import { yamlPage } from "./lib/yaml_page.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Path below the root → content. The same tables give the same bytes. */
export function generatePages(): ReadonlyMap<string, string> {
  const serve = readFileSync(`${ROOT}docs/serve.md`, "utf8");
  return new Map([
    ["docs/yaml.md", yamlPage(schema)],
    ["docs/kernel-features.md", kernelFeaturesPage(FEATURES)],
    ["docs/serve.md", servePage(serve, ROUTES, STATUSES)],
  ]);
}

function main(args: readonly string[]): number {
  const pages = generatePages();
  if (!args.includes("--check")) {
    for (const [path, text] of pages) writeFileSync(ROOT + path, text);
    return 0;
  }
  const stale = [...pages].filter(([path, text]) => readFileSync(ROOT + path, "utf8") !== text);
  for (const [path] of stale) console.error(`${path} is stale: run tools/gen_reference.ts`);
  return stale.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
