/**
 * Checks package-lock.json: no registry address in it (it must work behind any mirror), exact versions in package.json,
 * and an entry for every optional platform package (`npm ci` refuses the file otherwise).
 *
 * `npm install` drops the entries of platforms that its registry does not offer at that moment; `--fix` puts them back
 * from the `optionalDependencies` of their parent: the exact version, the platform by name, no integrity.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
  "windows",
];

/** `@deno/darwin-arm64` → `{os: ["darwin"], cpu: ["arm64"]}`; undefined where the name does not say it. */
export function platformOfName(name) {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const os = words.find((word) => OS.includes(word));
  const cpu = words.find((word) => /^(x64|arm64|aarch64|ia32|arm)$/.test(word));
  if (os === undefined || cpu === undefined) return undefined;
  return { os: [os === "windows" ? "win32" : os], cpu: [cpu === "aarch64" ? "arm64" : cpu] };
}

/** Every optional dependency that the lock names and does not have: `{parent, name, version}`. */
export function missingOptional(lock) {
  const missing = [];
  for (const [parent, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (lock.packages[`node_modules/${name}`] === undefined) {
        missing.push({ parent, name, version });
      }
    }
  }
  return missing;
}

/** All that is wrong with the two files, as sentences. */
export function lockProblems(manifest, lock) {
  const problems = missingOptional(lock).map(({ parent, name }) =>
    `package-lock.json: ${parent} has no entry for its optional ${name} (node tools/check_lock.mjs --fix)`
  );
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (entry.resolved !== undefined) {
      problems.push(`package-lock.json: ${path} has a "resolved" address`);
    }
  }
  for (const group of ["dependencies", "devDependencies"]) {
    for (const [name, version] of Object.entries(manifest[group] ?? {})) {
      if (!/^\d+\.\d+\.\d+$/.test(version)) {
        problems.push(`package.json: ${name} is not pinned: ${version}`);
      }
      if (lock.packages[""]?.[group]?.[name] !== version) {
        problems.push(`package-lock.json: ${name} is not ${version}, as package.json has it`);
      }
    }
  }
  return problems;
}

/** The lock with an entry for each missing platform package; throws where the platform can't be told. */
export function completeLock(lock) {
  const packages = { ...lock.packages };
  for (const { name, version } of missingOptional(lock)) {
    const platform = platformOfName(name);
    if (platform === undefined) throw new Error(`cannot tell the platform of ${name}`);
    packages[`node_modules/${name}`] = { version, ...platform, license: "MIT", optional: true };
    if (lock.packages[""]?.dependencies?.[name] === undefined) {
      packages[`node_modules/${name}`].dev = true;
    }
  }
  const sorted = Object.keys(packages).sort().map((key) => [key, packages[key]]);
  return { ...lock, packages: Object.fromEntries(sorted) };
}

function main() {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const read = (name) => JSON.parse(readFileSync(root + name, "utf8"));
  if (process.argv.includes("--fix")) {
    const fixed = completeLock(read("package-lock.json"));
    writeFileSync(`${root}package-lock.json`, `${JSON.stringify(fixed, null, 2)}\n`);
  }
  const problems = lockProblems(read("package.json"), read("package-lock.json"));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
