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

/** Suites by folder of tests/; `alone`: a process per file, one after the other, since they look at the whole machine. */
export const SUITES = [
  { name: "unit", alone: false },
  { name: "golden", alone: false },
  { name: "integration", alone: true },
  { name: "conformance", alone: true },
  { name: "fault", alone: true },
  { name: "security", alone: true },
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
    !/^\/\/ runs-under: /m.test(readFileSync(join(ROOT, path), "utf8").slice(0, 2000))
  );
}

/** Source files of the pure folders, generated ones excepted. */
export function pureSourceFiles() {
  return PURE_FOLDERS.flatMap((folder) => filesBelow(folder))
    .filter((path) => !path.includes("/generated/") && !path.endsWith(".d.ts"));
}

/** Seconds that a file may take: its line `// timeout-seconds: N`, else the default. */
export function timeoutMsOf(path, fallbackSeconds) {
  const text = readFileSync(join(ROOT, path), "utf8").slice(0, 2000);
  const found = /^\/\/ timeout-seconds: (\d+)$/m.exec(text);
  return Number(found?.[1] ?? fallbackSeconds) * 1000;
}
