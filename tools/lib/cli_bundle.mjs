/** The command line as one entry with chunks: what the package ships, and what the tests of the command line start. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary, ROOT } from "../bootstrap.mjs";
import { withEsbuild } from "./esbuild.mjs";
import { runCommand } from "./process.mjs";

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
  try {
    return await withEsbuild((build) => build(options));
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

/** Nothing that lies in the caller's directory may change what the executable does (a hostile checkout may be one). */
const NO_AUTOLOAD = ["dotenv", "bunfig", "tsconfig", "package-json"]
  .map((name) => `--no-compile-autoload-${name}`);

/** Builds the executable: Bun, and the sources in chunks and with bytecode. `define`: constants, as JSON. */
export async function compileExecutable(outfile, define) {
  const constants = hasLauncher() ? { ...define, CONTAINERV_LAUNCHER: "true" } : define;
  const defines = Object.entries(constants)
    .flatMap(([name, value]) => ["--define", `${name}=${value}`]);
  const form = [
    "--compile",
    "--target=bun",
    "--format=esm",
    "--splitting",
    "--minify",
    "--bytecode",
  ];
  const argv = [
    binary("bun"),
    "build",
    ...form,
    ...NO_AUTOLOAD,
    ...defines,
    "--outfile",
    outfile,
    "runtime/cli/entry.ts",
  ];
  await runTool(argv);
  if (!hasLauncher()) return;
  const build = JSON.parse(define.CONTAINERV_BUILD);
  await runTool([binary("bun"), join(ROOT, "tools/add_launcher.ts"), outfile, build]);
}

/** What begins in front of the runtime is machine code for this processor. */
const hasLauncher = () => process.platform === "linux" && process.arch === "x64";

async function runTool(argv) {
  const { code, output } = await runCommand(argv, { cwd: ROOT, timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`${argv.slice(1, 3).join(" ")}: exit ${code}\n${output}`);
}

/** Bundles the sources as they are now into `outdir`; gives the path of the program. */
export async function bundleForTests(outdir) {
  const build = await buildName(outdir);
  await bundle({ ...bundleOptions(outdir), define: { CONTAINERV_BUILD: build } });
  return join(outdir, "containerv.mjs");
}

/**
 * The same, for a virtual machine that starts it under Deno: the command line without the library, as in the executable; and Deno
 * reads at a start what is imported by a literal, even if it is never needed, so the names of the chunks are no literals.
 */
export async function bundleForEmulated(outdir) {
  const build = await buildName(outdir);
  const { outputFiles } = await bundle({
    ...bundleOptions(outdir),
    entryPoints: { containerv: "runtime/cli/entry.ts" },
    define: { CONTAINERV_BUILD: build },
    write: false,
  });
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text.replaceAll(/\bimport\(("\.[^"]+")\)/g, "import([$1][0])"));
  }
  return join(outdir, "containerv.mjs");
}

/** The executable of the sources as they are now, in `outdir`; gives its path. */
export async function executableForTests(outdir) {
  const build = await buildName(outdir);
  const program = join(outdir, "containerv");
  await compileExecutable(program, { CONTAINERV_BUILD: build });
  return program;
}

async function buildName(outdir) {
  const { metafile } = await bundle({ ...bundleOptions(outdir), write: false });
  return JSON.stringify(digestOf(Object.keys(metafile.inputs)));
}
