/** `containerv logs`: what detached containers wrote. */
import { writeBytes } from "../../ffi/linux/file.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { viewProject } from "../lifecycle/containers.ts";
import { type LogLine, openLogs } from "../lifecycle/logs.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr } from "./output.ts";
import { meantContainers } from "./project.ts";

/** How often a log that is followed is looked at. */
const FOLLOW_MS = 50;

interface Choice {
  readonly json: boolean;
  /** Names stand in front of lines, padded to this. */
  readonly width: number;
  readonly sinceNs: bigint;
  readonly tail: number;
}

export async function command(given: Arguments): Promise<number> {
  const { options } = given;
  const views = meantContainers(given);
  const follow = options["--follow"] === true;
  const choice: Choice = {
    json: options["--json"] === true,
    width: views.length > 1 ? Math.max(...views.map(({ name }) => name.length)) : 0,
    sinceNs: sinceOf(options["--since"]),
    tail: tailOf(options["--tail"]),
  };
  const logs = openLogs(views);
  const first = logs.next({ rest: !follow }).filter(({ timeNs }) => timeNs >= choice.sinceNs);
  try {
    show(choice.tail < first.length ? first.slice(first.length - choice.tail) : first, choice);
    const names = new Set(views.map(({ id }) => id));
    while (follow) {
      const running = [...new Set(views.map(({ project }) => project))]
        .some((project) =>
          viewProject(project).containers.some(({ id, state }) =>
            names.has(id) && (state === "running" || state === "starting")
          )
        );
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
      show(logs.next({ rest: !running }), choice);
      if (!running) break;
    }
  } catch (error) {
    // A reader that is gone ends the output, not the program.
    if (!(error instanceof SyscallError)) throw error;
  }
  return 0;
}

const NEWLINE = new TextEncoder().encode("\n");

function show(lines: readonly LogLine[], choice: Choice): void {
  const encoder = new TextEncoder();
  for (const line of lines) {
    if (line.lostBytes > 0) {
      stderr(
        `containerv: ${line.lostBytes} bytes of ${line.container} were lost here: no space was left\n`,
      );
    }
    if (choice.json) {
      writeBytes(1, encoder.encode(`${JSON.stringify(asJson(line))}\n`));
      continue;
    }
    const prefix = choice.width === 0 ? "" : `${line.container.padEnd(choice.width)} | `;
    const end = line.whole || choice.width > 0 ? NEWLINE : new Uint8Array();
    writeBytes(1, concat(encoder.encode(prefix), line.bytes, end));
  }
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function asJson({ container, timeNs, stream, bytes, whole, lostBytes }: LogLine): object {
  const ms = Number(timeNs / 1_000_000n);
  const nanoseconds = (timeNs % 1_000_000_000n).toString().padStart(9, "0");
  const time = `${new Date(ms).toISOString().slice(0, 19)}.${nanoseconds}Z`;
  const text = new TextDecoder().decode(bytes);
  return {
    time,
    container,
    stream,
    text,
    // Bytes that are no UTF-8 are there too, as they were.
    ...(text.includes("\ufffd") ? { base64: toBase64(bytes) } : {}),
    ...(whole ? {} : { partial: true }),
    ...(lostBytes > 0 ? { lostBytes } : {}),
  };
}

const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

function tailOf(value: string | true | undefined): number {
  if (value === undefined || value === true) return Infinity;
  if (!/^\d{1,9}$/.test(value)) {
    throw new UsageError(`--tail takes a number of lines, not ${value}`);
  }
  return Number(value);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `10m` before now, or a time as Date reads it. */
function sinceOf(value: string | true | undefined): bigint {
  if (value === undefined || value === true) return 0n;
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(value) ?? [];
  const ms = count === undefined
    ? Date.parse(value)
    : Date.now() - Number(count) * (UNITS[unit ?? "s"] ?? 1) * 1000;
  if (Number.isNaN(ms)) throw new UsageError(`--since takes 10m or a time, not ${value}`);
  return BigInt(ms) * 1_000_000n;
}
