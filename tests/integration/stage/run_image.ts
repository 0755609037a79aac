/** Runs stage images on processors: this machine's, or aarch64 by qemu's user mode. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import type { Architecture } from "../../../ffi/stage/language.ts";
import { linux, missing, tool } from "../../support/require.ts";

export interface RealResult {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: Uint8Array;
}

const HOST: Partial<Record<string, Architecture>> = { x64: "x86_64", arm64: "aarch64" };

const EMULATORS: Record<Architecture, string> = {
  x86_64: "qemu-x86_64",
  aarch64: "qemu-aarch64",
};

/** Why images of this architecture can't run here; false when they can. It is what `skip` of node:test takes. */
export function cannotRun(architecture: Architecture): string | false {
  const native = HOST[arch()] === architecture;
  return missing(linux(), native ? undefined : tool(EMULATORS[architecture]));
}

/** Runs an image to its end with an empty standard input, and standard output in a pipe. */
export function runReal(image: Uint8Array, architecture: Architecture): RealResult {
  const directory = mkdtempSync(join(tmpdir(), "stage-"));
  try {
    const file = join(directory, "stage");
    writeFileSync(file, image, { mode: 0o755 });
    const native = HOST[arch()] === architecture;
    const [command, words] = native ? [file, []] : [EMULATORS[architecture], [file]];
    const run = spawnSync(command, words, { input: "", timeout: 20_000, maxBuffer: 1 << 26 });
    if (run.error !== undefined) throw run.error;
    return { status: run.status, signal: run.signal, output: new Uint8Array(run.stdout) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
