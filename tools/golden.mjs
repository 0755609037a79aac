/** `npm run golden`: takes the present output as the expected one in every golden test, then shows what changed. */
import { spawnSync } from "node:child_process";
import { bootstrap, ROOT } from "./bootstrap.mjs";

bootstrap();
const env = { ...process.env, UPDATE_GOLDEN: "1" };
const tests = ["tools/run_tests.mjs", "--no-world", "--runtime=bun", "--suite=unit,golden"];
const run = spawnSync(process.execPath, tests, { cwd: ROOT, env, stdio: "inherit" });
if (run.error !== undefined) throw run.error;
spawnSync("git", ["status", "--short", "--", "tests", "examples"], { cwd: ROOT, stdio: "inherit" });
process.exitCode = run.status ?? 1;
