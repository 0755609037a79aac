/** The command line as one entry with chunks: what the package ships, and what the tests of the command line start. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../bootstrap.mjs";

/** Packages in CommonJS require Node's modules; Deno has no `require` in a module by itself, as Bun has. */
export const REQUIRE =
  'import { createRequire as containervRequire } from "node:module";\nconst require = containervRequire(import.meta.url);';

/** One entry and its chunks; `outdir` is absolute. */
export function bundleOptions(outdir) {
  return {
    absWorkingDir: ROOT,
    entryPoints: { containerv: "mod.ts" },
    outdir,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "esnext",
    minify: true,
    external: ["bun:ffi"],
    banner: { js: REQUIRE },
    legalComments: "none",
    metafile: true,
    logLevel: "silent",
  };
}

/** Calls esbuild; throws its own errors, one line each. */
export async function bundle(options) {
  const { build } = await import("esbuild");
  try {
    return await build(options);
  } catch (error) {
    const lines = (error.errors ?? []).map(({ location, text }) =>
      location === null ? text : `${location.file}:${location.line}: ${text}`
    );
    throw new Error(lines.length > 0 ? lines.join("\n") : String(error), { cause: error });
  }
}

/** A digest of every input and of the tools: caches made by another build are not used. */
export function digestOf(inputs) {
  const hash = createHash("sha256");
  for (const path of [...inputs].sort()) {
    hash.update(`${path}\0`).update(readFileSync(join(ROOT, path))).update("\0");
  }
  hash.update(readFileSync(join(ROOT, "package-lock.json")));
  return hash.digest("hex").slice(0, 16);
}

/** Bundles the sources as they are now into `outdir`; gives the path of the program. */
export async function bundleForTests(outdir) {
  const { stop } = await import("esbuild");
  const { metafile } = await bundle({ ...bundleOptions(outdir), write: false });
  const build = JSON.stringify(digestOf(Object.keys(metafile.inputs)));
  await bundle({ ...bundleOptions(outdir), define: { CONTAINERV_BUILD: build } });
  // Its service process would else count as left behind.
  await stop();
  return join(outdir, "containerv.mjs");
}
