/** Which test files there are, and what runs where. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "../bootstrap.mjs";

/** Source folders that need no runtime's FFI: they run under Node too, and their coverage is measured. */
export const PURE_FOLDERS = [
  "spec",
  "runtime/plan",
  "runtime/subjects",
  "runtime/show",
  "ffi/abi",
  "ffi/wire",
  "ffi/calls",
  "ffi/stage",
];

/** Suites by folder of tests/; `perFile`: a process per file, since they make containers and look at the machine. */
export const SUITES = [
  { name: "unit", perFile: false },
  { name: "golden", perFile: false },
  { name: "integration", perFile: true },
  { name: "conformance", perFile: true },
  { name: "fault", perFile: true },
  { name: "security", perFile: true },
];

function walk(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

/** Files below a folder of the repository, relative to it, sorted, that the pattern matches. */
export function filesBelow(folder, pattern = /\.ts$/) {
  return walk(join(ROOT, folder)).map((path) => relative(ROOT, path))
    .filter((path) => pattern.test(path)).sort();
}

/** The test files of a suite. */
export function testFiles(suite) {
  return filesBelow(`tests/${suite}`, /_test\.ts$/);
}

/** Tests that may run under Node: those that mirror a pure folder, and the goldens. */
export function pureTestFiles() {
  const mirrors = [...PURE_FOLDERS, "stage"].map((folder) => `tests/unit/${folder}/`);
  return [...testFiles("unit"), ...testFiles("golden")].filter((path) =>
    (path.startsWith("tests/golden/") || mirrors.some((mirror) => path.startsWith(mirror))) &&
    mayRunUnder(path, "node")
  );
}

/** Source files of the pure folders, generated ones excepted. */
export function pureSourceFiles() {
  return PURE_FOLDERS.flatMap((folder) => filesBelow(folder))
    .filter((path) => !path.includes("/generated/") && !path.endsWith(".d.ts"));
}

/** False for a runtime that the line `// runs-under: bun, deno` of a file leaves out; without the line all may. */
export function mayRunUnder(path, runtime) {
  const found = /^\/\/ runs-under: (.+)$/m.exec(
    readFileSync(join(ROOT, path), "utf8").slice(0, 2000),
  );
  return found === null || found[1].split(", ").includes(runtime);
}

/** True for a file with the line `// alone`: nothing else may run meanwhile, since it counts or changes what all share. */
export function isAlone(path) {
  return /^\/\/ alone$/m.test(readFileSync(join(ROOT, path), "utf8").slice(0, 2000));
}

/** Seconds that a file may take: its line `// timeout-seconds: N`, else the default. */
export function timeoutMsOf(path, fallbackSeconds) {
  const text = readFileSync(join(ROOT, path), "utf8").slice(0, 2000);
  const found = /^\/\/ timeout-seconds: (\d+)$/m.exec(text);
  return Number(found?.[1] ?? fallbackSeconds) * 1000;
}
