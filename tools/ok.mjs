/**
 * `npm run ok`: everything that can be said of the code without root, in under a minute: form, lint, types, layers, docs,
 * style, lock file, unit and golden tests under Bun and Deno. `--no-tests` leaves the tests out.
 */
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";
import { mapLimited, runCommand, showMs } from "./lib/process.mjs";
import { filesBelow } from "./lib/suites.mjs";

const SOURCE_FOLDERS = ["spec", "runtime", "ffi", "tools", "tests", "bench"];

function sources() {
  return ["mod.ts", ...SOURCE_FOLDERS.flatMap((folder) => filesBelow(folder))]
    .filter((path) => !path.includes("/generated/") && !path.includes("/cases/"));
}

function checks() {
  const deno = binary("deno");
  const bun = binary("bun");
  const node = process.execPath;
  const tests = ["tools/run_tests.mjs", "--suite=unit,golden", "--no-world"];
  const withTests = !process.argv.includes("--no-tests");
  return [
    ...(withTests ? [["tests", [node, ...tests, "--runtime=bun,deno"]]] : []),
    ["types", [deno, "check", "--quiet", ...sources()]],
    ["lint", [deno, "lint", "--quiet"]],
    ["form", [deno, "fmt", "--check", "--quiet"]],
    ["style", [bun, "tools/check_style.ts"]],
    ["layers", [bun, "tools/check_layers.ts"]],
    ["docs", [bun, "tools/check_docs.ts"]],
    ["bench", [node, "--test", "bench/harness_test.mjs"]],
    ["lock", [node, "tools/check_lock.mjs"]],
  ];
}

/** Runs one check and prints its line, with its output when it failed. */
async function runCheck([name, argv]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const result = await runCommand(argv, { cwd: ROOT, env, timeoutMs: 240_000 });
  const good = result.code === 0;
  console.log(`${good ? "✔" : "✘"} ${name.padEnd(8)} ${showMs(result.ms)}`);
  if (!good) {
    console.log(result.output.trimEnd().split("\n").map((line) => `    ${line}`).join("\n"));
  }
  return good;
}

bootstrap();
const begin = Date.now();
const results = await mapLimited(checks(), { width: 2, work: runCheck });
const failed = results.filter((good) => !good).length;
console.log(
  `${failed === 0 ? "✔ ok" : `✘ ${failed} of ${results.length} checks failed`} · ${
    showMs(Date.now() - begin)
  }`,
);
process.exitCode = failed === 0 ? 0 : 1;
