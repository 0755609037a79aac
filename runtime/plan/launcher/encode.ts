/** A launch file as bytes: see format.ts. */
import { STAMP_WORDS } from "../../../ffi/abi/stat.ts";
import { ITIMERSPEC } from "../../../ffi/abi/timerfd.ts";
import {
  CHECK,
  CHECK_BYTES,
  CHECK_KIND,
  CHECKED_BYTES_MAX,
  type CheckKind,
  commandText,
  LAUNCH,
  LAUNCH_BYTES_MAX,
  LAUNCH_HEADER_BYTES,
  LAUNCH_MAGIC,
  LINE_BYTES_MAX,
  WORDS_MAX,
} from "./format.ts";

/** What must be as it was: see `CHECK_KIND`. */
export interface Check {
  readonly kind: CheckKind;
  /** Empty for `more`. */
  readonly path: string;
  readonly expected: Uint8Array | string;
}

export interface Launch {
  /** The command line without the program's name. */
  readonly words: readonly string[];
  readonly checks: readonly Check[];
  readonly image: Uint8Array;
  /** Parts of the image that make its shell (ffi/stage/shell.ts), `SHELL_PARTS` of them. */
  readonly shell: readonly { readonly from: number; readonly to: number }[];
  /** Of the process whose pidfd is passed. */
  readonly pid: number;
  /** Standard input goes along. */
  readonly input: boolean;
  readonly graceMs: number;
  /** What is said behind the milliseconds when a run ended well; absent: nothing is said of any end. */
  readonly line?: string;
  readonly build: bigint;
}

const encoder = new TextEncoder();

/** Texts behind each other, each at a multiple of 8. */
interface Body {
  readonly put: (part: Uint8Array) => number;
  readonly length: () => number;
  readonly copyTo: (whole: Uint8Array) => void;
}

function bodyFrom(first: number): Body {
  const parts: (readonly [number, Uint8Array])[] = [];
  let length = first;
  return {
    put: (part) => {
      const at = length;
      parts.push([at, part]);
      length += (part.length + 7) & -8;
      return at;
    },
    length: () => length,
    copyTo: (whole) => {
      for (const [at, part] of parts) whole.set(part, at);
    },
  };
}

/** A number of the file, and where it stands. */
type Field = readonly [at: number, value: number];

/** `undefined` where one is longer or shorter than what the launcher compares. */
function checkFields(checks: readonly Check[], { put }: Body): readonly Field[] | undefined {
  const fields: Field[] = [];
  for (const [index, { kind, path, expected }] of checks.entries()) {
    const bytes = typeof expected === "string" ? encoder.encode(expected) : expected;
    if (bytes.length < LEAST[kind] || bytes.length >= CHECKED_BYTES_MAX) return undefined;
    const row = LAUNCH_HEADER_BYTES + index * CHECK_BYTES;
    fields.push(
      [row + CHECK.kind, CHECK_KIND[kind]],
      [row + CHECK.path, put(encoder.encode(`${path}\0`))],
      [row + CHECK.expected, put(bytes)],
      [row + CHECK.bytes, bytes.length],
    );
  }
  return fields;
}

/** The bytes of a launch file; `undefined` for what the launcher could not read. */
export function encodeLaunch(launch: Launch): Uint8Array<ArrayBuffer> | undefined {
  const { words, checks, image, shell, pid, input, line, build } = launch;
  const said = encoder.encode(line ?? "");
  if (words.length + 1 >= WORDS_MAX || said.length > LINE_BYTES_MAX) return undefined;
  const body = bodyFrom(LAUNCH_HEADER_BYTES + checks.length * CHECK_BYTES);
  const rows = checkFields(checks, body);
  if (rows === undefined) return undefined;
  const text = commandText(words);
  const fields: readonly Field[] = [
    [LAUNCH.says, line === undefined ? 0 : 1],
    [LAUNCH.words, body.put(text)],
    [LAUNCH.wordBytes, text.length],
    [LAUNCH.checks, LAUNCH_HEADER_BYTES],
    [LAUNCH.checkCount, checks.length],
    [LAUNCH.image, body.put(image)],
    [LAUNCH.imageBytes, image.length],
    [LAUNCH.pid, pid],
    [LAUNCH.input, input ? 1 : 0],
    ...shell.flatMap(({ from, to }, index): readonly Field[] => [
      [LAUNCH.shell + index * 8, from],
      [LAUNCH.shell + index * 8 + 4, to - from],
    ]),
    [LAUNCH.line, body.put(said)],
    [LAUNCH.lineBytes, said.length],
    [LAUNCH.bytes, body.length() + 8],
    ...rows,
  ];
  const length = body.length() + 8;
  if (length >= LAUNCH_BYTES_MAX) return undefined;
  const whole = new Uint8Array(length);
  const view = new DataView(whole.buffer);
  whole.set(encoder.encode(LAUNCH_MAGIC), LAUNCH.magic);
  view.setBigUint64(LAUNCH.build, build, true);
  view.setBigUint64(length - 8, build, true);
  for (const [at, value] of fields) view.setUint32(at, value, true);
  putGrace(view, launch.graceMs);
  body.copyTo(whole);
  return whole;
}

/** The second half of a struct itimerspec; zero would switch the timer off. */
function putGrace(view: DataView, graceMs: number): void {
  const { it_value_sec, it_value_nsec } = ITIMERSPEC.fields;
  const nanoseconds = Math.max(1, Math.round((graceMs % 1000) * 1e6));
  view.setBigUint64(LAUNCH.grace + it_value_sec.offset, BigInt(Math.floor(graceMs / 1000)), true);
  view.setBigUint64(LAUNCH.grace + it_value_nsec.offset, BigInt(nanoseconds), true);
}

/** As many bytes the launcher compares at least. */
const LEAST: Readonly<Record<CheckKind, number>> = {
  file: 0,
  part: 8,
  more: 8,
  link: 0,
  ticks: 1,
  status: STAMP_WORDS.length * 8,
  variable: 1,
  unset: 0,
};
