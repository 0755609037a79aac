/** `npm start`: runs the first example from source; with arguments, runs containerv with them. */
import { spawnSync } from "node:child_process";
import { binary, bootstrap, ROOT } from "./bootstrap.mjs";

bootstrap();
const given = process.argv.slice(2);
const args = given.length > 0 ? given : ["run", "examples/01-hello.yaml"];
process.stderr.write(`› containerv ${args.join(" ")}\n`);
const result = spawnSync(binary("bun"), ["mod.ts", ...args], { cwd: ROOT, stdio: "inherit" });
if (result.error !== undefined) throw result.error;
if (result.signal !== null) process.kill(process.pid, result.signal);
process.exitCode = result.status ?? 1;
