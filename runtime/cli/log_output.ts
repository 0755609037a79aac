/** How lines that containers wrote are printed: as text with the container's name in front, or as JSON. */
import { joinBytes } from "../../ffi/memory/bytes.ts";
import { writePatiently } from "../../ffi/linux/write_patiently.ts";
import { logLineJson } from "../lifecycle/as_json.ts";
import type { LogLine } from "../lifecycle/logs.ts";
import { isTerminal, stderr } from "./output.ts";

export interface LogForm {
  readonly json: boolean;
  /** Names stand in front of lines, padded to this; 0: they do not. */
  readonly width: number;
  /** Each name has a colour. */
  readonly color: boolean;
}

const NEWLINE = new TextEncoder().encode("\n");
const encoder = new TextEncoder();

/** Colour only on a terminal, and not where NO_COLOR forbids it. */
export function formOf(names: readonly string[], options: { readonly json: boolean }): LogForm {
  const noColor = process.env["NO_COLOR"];
  return {
    json: options.json,
    width: names.length > 1 ? Math.max(...names.map(({ length }) => length)) : 0,
    color: isTerminal(1) && (noColor === undefined || noColor === ""),
  };
}

/** Writes lines to standard output. Throws SyscallError when its reader is gone. */
export function printLines(lines: readonly LogLine[], form: LogForm): void {
  for (const line of lines) {
    if (line.lostBytes > 0) {
      stderr(
        `containerv: ${line.lostBytes} bytes of ${line.container} were lost here: no space was left\n`,
      );
    }
    if (!form.json && line.bytes.length === 0 && !line.whole) continue;
    if (form.json) {
      writePatiently(1, encoder.encode(`${JSON.stringify(logLineJson(line))}\n`));
      continue;
    }
    const end = line.whole || form.width > 0 ? NEWLINE : new Uint8Array();
    writePatiently(1, joinBytes([encoder.encode(prefixOf(line.container, form)), line.bytes, end]));
  }
}

/** Colours that are read on light and dark alike; red stays free for errors. */
const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94] as const;

function prefixOf(container: string, { width, color }: LogForm): string {
  if (width === 0) return "";
  const text = `${container.padEnd(width)} | `;
  if (!color) return text;
  const sum = [...container].reduce((total, letter) => total * 31 + letter.charCodeAt(0) | 0, 7);
  return `\x1b[${COLORS[Math.abs(sum) % COLORS.length]}m${text}\x1b[0m`;
}
