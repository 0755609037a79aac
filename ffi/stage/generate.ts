/** Text of the files that are made from the interpreters; a test compares them and, when asked, writes them. */
import type { Architecture } from "./language.ts";
import { type Line, listBlocks } from "./assembler.ts";
import { assembleAarch64, interpreterAarch64 } from "./interpreter_aarch64.ts";
import { assembleX86, interpreterX86 } from "./interpreter_x86_64.ts";

/** The interpreter of an architecture, assembled now. */
export function assembleInterpreter(architecture: Architecture): Uint8Array {
  return architecture === "x86_64" ? assembleX86() : assembleAarch64();
}

/** Its source lines. */
export function interpreterLines(architecture: Architecture): readonly Line[] {
  return architecture === "x86_64" ? interpreterX86() : interpreterAarch64();
}

function formatBytes(code: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < code.length; at += 16) {
    const row = Array.from(
      code.subarray(at, at + 16),
      (b) => `0x${b.toString(16).padStart(2, "0")}`,
    );
    rows.push(`    ${row.join(", ")},\n`);
  }
  return rows.join("");
}

/** `ffi/stage/generated/interpreter_code.ts`. */
export function generateInterpreterCode(): string {
  const entries = (["x86_64", "aarch64"] as const).map((architecture) =>
    `  // deno-fmt-ignore\n  ${architecture}: [\n${
      formatBytes(assembleInterpreter(architecture))
    }  ],\n`
  );
  return `// Generated from ffi/stage/interpreter_*.ts by tests/unit/stage/generated_test.ts; do not edit.
import type { Architecture } from "../language.ts";

/** The interpreter's machine code, assembled beforehand so that no start pays for it. */
export const INTERPRETER_CODE: Record<Architecture, readonly number[]> = {
${entries.join("")}};
`;
}

/**
 * The listing of docs/stage.md: the disassembly with a comment above each block. `instructions` are the lines of
 * objdump, each with the byte offset it begins at.
 */
export function formatListing(
  architecture: Architecture,
  instructions: readonly { readonly offset: number; readonly text: string }[],
): string {
  const comments = new Map<number, string>();
  for (const { offset, text } of listBlocks(interpreterLines(architecture))) {
    comments.set(offset, text);
  }
  const lines: string[] = [];
  for (const { offset, text } of instructions) {
    const above = comments.get(offset);
    if (above !== undefined) lines.push(...offset === 0 ? [] : [""], `; ${above}`);
    lines.push(`${offset.toString(16).padStart(4)}  ${text}`);
  }
  return lines.join("\n");
}
