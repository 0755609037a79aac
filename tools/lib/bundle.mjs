/** Bundles TypeScript tests for Node with esbuild, with source maps and each file's own `import.meta`. */
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../bootstrap.mjs";
import { withEsbuild } from "./esbuild.mjs";

/** A bundle has one `import.meta`; tests find their files by their own, so it is written out per file. */
export function keepImportMeta() {
  return {
    name: "import-meta",
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path.includes("/node_modules/")) return undefined;
        const text = readFileSync(args.path, "utf8");
        const contents = text
          .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(args.path).href))
          .replaceAll("import.meta.filename", JSON.stringify(args.path))
          .replaceAll("import.meta.dirname", JSON.stringify(dirname(args.path)))
          .replaceAll("import.meta.main", "false");
        return { contents, loader: "ts" };
      });
    },
  };
}

function buildOptions(entry, outfile) {
  const source = typeof entry === "string"
    ? { entryPoints: [entry] }
    : { stdin: { contents: entry.contents, resolveDir: ROOT, loader: "ts" } };
  return {
    ...source,
    absWorkingDir: ROOT,
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    alias: { "@std/assert": join(ROOT, "tests/support/std_assert.ts") },
    external: ["bun:ffi"],
    plugins: [keepImportMeta()],
    treeShaking: false,
    ignoreAnnotations: true,
    sourcemap: "inline",
    // c8 maps the lines of a bundle by the text in its map, and counts all as covered without it.
    sourcesContent: true,
    logLevel: "silent",
  };
}

/**
 * Bundles each entry (path relative to the repository, or `{name, contents}`) into `outdir`. `files` are the bundles'
 * paths, `problems` the entries that could not be bundled, `{entry, message}`: each is for the caller to count as a failure.
 * Nothing is shaken off: what no test calls must show as uncovered. Packages stay imports, found in node_modules.
 */
export async function bundleForNode(entries, outdir) {
  const files = [];
  const problems = [];
  await withEsbuild(async (build) => {
    for (const entry of entries) {
      const name = typeof entry === "string" ? entry : entry.name;
      const outfile = join(outdir, name.replaceAll("/", "__").replace(/\.ts$/, ".mjs"));
      try {
        await build(buildOptions(entry, outfile));
        files.push(relative(ROOT, outfile));
      } catch (error) {
        const first = error.errors?.[0];
        if (first === undefined) throw error;
        const at = first.location === null ? "" : `${first.location.file}:${first.location.line}: `;
        problems.push({ entry: name, message: `${at}${first.text}` });
      }
    }
  });
  return { files, problems };
}
