/**
 * Puts the launcher in front of an executable for x86-64 (docs/launcher.md), in place.
 *
 *     bun tools/add_launcher.ts FILE BUILD     BUILD: 16 hexadecimal digits, by which its launch files are known
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { encode } from "../ffi/stage/encode.ts";
import { addLauncher } from "../ffi/stage/launcher_elf.ts";
import { launcherProgram } from "../runtime/plan/launcher/program.ts";

function main([file, build]: readonly string[]): void {
  if (file === undefined || !/^[0-9a-f]{16}$/.test(build ?? "")) {
    throw new Error("usage: add_launcher.ts FILE BUILD");
  }
  const program = launcherProgram({ build: BigInt(`0x${build}`) });
  const whole = addLauncher(readFileSync(file), encode(program, "x86_64"));
  // Never half of it under its name.
  writeFileSync(`${file}.launcher`, whole, { mode: 0o755 });
  renameSync(`${file}.launcher`, file);
}

main(process.argv.slice(2));
