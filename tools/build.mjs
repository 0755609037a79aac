/**
 * `npm run build`: dist/containerv, one executable; and what the npm package is made of (with `--package` only that):
 * dist/containerv.mjs with its chunks, dist/types, dist/schema.json, dist/licenses.txt.
 *
 * The executable is bundled by Bun itself, in chunks and with bytecode: measured against one file without bytecode, a run
 * starts in a fifth of the time (docs/decisions/0006-one-executable-by-bun.md).
 */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";
import { bundle, bundleOptions, compileExecutable, digestOf, REQUIRE } from "./lib/cli_bundle.mjs";
import { bundledPackages, licenceNotices } from "./lib/licenses.mjs";
import { runCommand, showMs } from "./lib/process.mjs";

const DIST = join(ROOT, "dist");

/** The same for Bun when it runs the package's file: else it reads all three from the working directory. */
const BUN_ALONE = "bun --config=/dev/null --no-env-file --tsconfig-override=/dev/null";

function read(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Constants that the build puts in; `typeof` tells the sources whether they are there. */
async function definitions() {
  const { metafile } = await bundle({ ...bundleOptions(DIST), write: false });
  const inputs = Object.keys(metafile.inputs);
  const licences = licenceNotices(bundledPackages(inputs));
  writeFileSync(join(DIST, "licenses.txt"), licences);
  return {
    CONTAINERV_BUILD: JSON.stringify(digestOf(inputs)),
    CONTAINERV_LICENSES: JSON.stringify(licences),
  };
}

async function buildPackage(define) {
  const { version } = JSON.parse(read("package.json"));
  const notice = `/*! containerv ${version}, GPL-3.0-only; licences of its parts: licenses.txt */`;
  const banner = `#!/usr/bin/env -S ${BUN_ALONE}\n${notice}`;
  const { metafile } = await bundle({
    ...bundleOptions(DIST),
    define,
    banner: { js: `${banner}\n${REQUIRE}` },
  });
  chmodSync(join(DIST, "containerv.mjs"), 0o755);
  writeFileSync(join(DIST, "schema.json"), read("spec/generated/schema.json"));
  return Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
}

async function emitTypes() {
  const argv = [
    binary("tsc"),
    "--project",
    "tools/tsconfig.types.json",
    "--outDir",
    join(DIST, "types"),
  ];
  const result = await runCommand(argv, { cwd: ROOT, timeoutMs: 120_000 });
  if (result.code !== 0) throw new Error(`tsc: exit ${result.code}\n${result.output}`);
}

async function compile(define) {
  const target = join(DIST, "containerv");
  const next = `${target}.next`;
  await compileExecutable(next, define);
  // Put in place at once: a run that goes on meanwhile keeps the old file.
  renameSync(next, target);
  return statSync(target).size;
}

async function step(name, work) {
  const begin = Date.now();
  const bytes = await work();
  const size = typeof bytes === "number" ? ` · ${(bytes / 2 ** 20).toFixed(1)} MiB` : "";
  console.error(`✔ ${name} ${showMs(Date.now() - begin)}${size}`);
}

async function main() {
  bootstrap();
  mkdirSync(DIST, { recursive: true });
  for (const name of ["chunks", "types"]) {
    rmSync(join(DIST, name), { recursive: true, force: true });
  }
  const define = await definitions();
  await step("dist/containerv.mjs", () => buildPackage(define));
  await step("dist/types", emitTypes);
  if (!process.argv.includes("--package")) await step("dist/containerv", () => compile(define));
}

try {
  await main();
} catch (error) {
  console.error(`✘ ${error.message}`);
  process.exitCode = 1;
}
