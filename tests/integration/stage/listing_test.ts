// runs-under: bun
/** The machine code disassembled by somebody else's disassembler is what docs/stage.md shows. */
import { assert, assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { describe, test } from "node:test";
import { formatListing } from "../../../ffi/stage/generate.ts";
import { INTERPRETER_CODE } from "../../../ffi/stage/generated/interpreter_code.ts";
import type { Architecture } from "../../../ffi/stage/language.ts";
import { findTool, missing, tool as needTool } from "../../support/require.ts";

/** Seen from the root of the repository, where all tests run. */
const FILE = "docs/stage.md";

const TOOLS: Record<Architecture, { command: string; words: string[] }[]> = {
  x86_64: [
    { command: "x86_64-linux-gnu-objdump", words: ["-m", "i386:x86-64", "-M", "intel"] },
    { command: "objdump", words: ["-m", "i386:x86-64", "-M", "intel"] },
  ],
  aarch64: [{ command: "aarch64-linux-gnu-objdump", words: ["-m", "aarch64"] }],
};

interface Disassembled {
  readonly offset: number;
  readonly text: string;
}

function disassemble(architecture: Architecture, tool: { command: string; words: string[] }) {
  const directory = mkdtempSync(join(tmpdir(), "stage-"));
  try {
    const file = join(directory, "code");
    writeFileSync(file, Uint8Array.from(INTERPRETER_CODE[architecture]));
    const words = ["-D", "-b", "binary", ...tool.words, "--no-show-raw-insn", file];
    const run = spawnSync(tool.command, words, { encoding: "utf8" });
    assertEquals(run.status, 0, run.stderr);
    const lines = run.stdout.matchAll(/^\s*([0-9a-f]+):\t(.*)$/gm);
    return Array.from(lines, ([, offset = "", text = ""]): Disassembled => (
      // Comments of the disassembler differ between its versions.
      {
        offset: parseInt(offset, 16),
        text: text.replace(/\s*\/\/.*$/, "").replaceAll("\t", " ").replace(/\s+/g, " ").trimEnd(),
      }
    ));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

for (const architecture of ["x86_64", "aarch64"] as const) {
  const tool = TOOLS[architecture].find(({ command }) => findTool(command) !== undefined);
  const skip = missing(tool === undefined ? needTool(`${architecture} objdump`) : undefined);
  describe(`the listing of ${architecture}`, { skip }, () => {
    test("docs/stage.md shows it (UPDATE_GOLDEN=1 writes it)", () => {
      if (tool === undefined) throw new TypeError("skipped without a disassembler");
      const instructions = disassemble(architecture, tool);
      assert(instructions.every(({ text }) => !text.includes("(bad)")), "no bad instruction");
      const listing = formatListing(architecture, instructions);
      const text = readFileSync(FILE, "utf8");
      const begin = `<!-- listing ${architecture} -->\n\`\`\`asm\n`;
      const from = text.indexOf(begin) + begin.length;
      const to = text.indexOf("\n```\n", from);
      assert(from >= begin.length && to > 0, `${FILE} has a place for the listing`);
      if (env.UPDATE_GOLDEN === "1") {
        writeFileSync(FILE, text.slice(0, from) + listing + text.slice(to));
      } else assertEquals(text.slice(from, to), listing);
    });
  });
}
