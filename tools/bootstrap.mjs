/**
 * Makes a fresh clone usable: runs `npm ci` when node_modules is missing or differs from package-lock.json.
 * Needs only Node and npm; every npm script calls it first.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

function installedVersion(root, path) {
  const file = join(root, path, "package.json");
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/** What node_modules lacks or has in another version than the lock says, by path; optional packages are not counted. */
export function stalePackages(root) {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== "" && entry.optional !== true)
    .filter(([path, entry]) => installedVersion(root, path) !== entry.version)
    .map(([path]) => path);
}

/** Installs when needed. Throws when npm fails: nothing that follows could work. */
export function bootstrap(root = ROOT) {
  if (stalePackages(root).length === 0) return false;
  console.error("› npm ci");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`npm ci: exit ${result.status}`);
  return true;
}

/** Path of an executable of a package in node_modules. */
export function binary(name) {
  return join(ROOT, "node_modules", ".bin", name);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) bootstrap();
