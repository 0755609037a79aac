/** The files that a container must never change: the runtime that runs the tests, and what it loads. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import process from "node:process";
import { cliCommand } from "../support/cli.ts";

/** SHA-256 over the runtime's executable, the program of the command line, and every file that is mapped here as code. */
export function runtimeHash(): string {
  const mapped = readFileSync("/proc/self/maps", "utf8").split("\n")
    .map((line) => /r-xp .* (\/\S+)$/.exec(line)?.[1]).filter((path) => path !== undefined);
  const files = new Set([
    process.execPath,
    ...cliCommand().filter((word) => word.startsWith("/")),
    ...mapped,
  ]);
  const hash = createHash("sha256");
  for (const file of [...files].sort()) hash.update(readFileSync(file));
  return hash.digest("hex");
}
