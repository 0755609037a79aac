/** The executable that some tests start: built where there is none, so that a fresh clone can be tested. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../bootstrap.mjs";
import { runCommand } from "./process.mjs";

/** Whoever has built it has it tested as it is. @throws {Error} when it can't be built */
export async function buildMissing() {
  if (existsSync(join(ROOT, "dist/containerv"))) return;
  console.log("› npm run build: there is no dist/containerv yet");
  const argv = [process.execPath, join(ROOT, "tools/build.mjs")];
  const { code, output } = await runCommand(argv, { cwd: ROOT, timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`npm run build: exit ${code}\n${output}`);
}
