import { MAX_BYTES } from "./bounds.ts";

/** Why bytes are not a text that we read, and where: an offset in UTF-16 units of `text`, what was read so far. */
export interface DecodeProblem {
  readonly code: string;
  readonly message: string;
  readonly note?: string;
  readonly offset: number;
  readonly text: string;
}

export type Decoded = { readonly text: string } | { readonly problem: DecodeProblem };

const BYTE_ORDER_MARK = 0xfeff;

/**
 * Bytes or a string → text that is safe to hand to a parser: at most 1 MiB, valid UTF-8, no NUL, no control
 * character but tab and line breaks, no lone surrogate, no byte order mark but at the start (where it is dropped).
 */
export function decode(input: Uint8Array | string): Decoded {
  const size = typeof input === "string" ? input.length : input.byteLength;
  if (size > MAX_BYTES) return { problem: tooLarge(size, typeof input === "string") };
  const decoded = typeof input === "string" ? { text: input } : decodeBytes(input);
  if ("problem" in decoded) return decoded;
  const text = decoded.text.charCodeAt(0) === BYTE_ORDER_MARK
    ? decoded.text.slice(1)
    : decoded.text;
  const problem = findBadCharacter(text);
  return problem === undefined ? { text } : { problem };
}

function tooLarge(size: number, isText: boolean): DecodeProblem {
  const unit = isText ? "characters" : "bytes";
  return {
    code: "TOO_LARGE",
    message: `the file has ${size} ${unit}; a spec has at most ${MAX_BYTES}`,
    offset: 0,
    text: "",
  };
}

function decodeBytes(bytes: Uint8Array): Decoded {
  const wide = findWideEncoding(bytes);
  if (wide !== undefined) {
    return {
      problem: {
        code: "NOT_UTF8",
        message: `the file is ${wide}; a spec is UTF-8`,
        offset: 0,
        text: "",
      },
    };
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { problem: invalidUtf8(bytes) };
  }
}

function findWideEncoding(bytes: Uint8Array): string | undefined {
  const [first, second, third, fourth] = bytes;
  if (first === 0xff && second === 0xfe) return third === 0 && fourth === 0 ? "UTF-32" : "UTF-16";
  if (first === 0xfe && second === 0xff) return "UTF-16";
  if (first === 0 && second === 0 && third === 0xfe && fourth === 0xff) return "UTF-32";
  return undefined;
}

function invalidUtf8(bytes: Uint8Array): DecodeProblem {
  const at = findInvalidUtf8(bytes);
  // Lines are counted from the true start, so everything before the fault is decoded: at most 1 MiB.
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, at));
  const byte = (bytes[at] ?? 0).toString(16).padStart(2, "0");
  return {
    code: "NOT_UTF8",
    message: `byte 0x${byte} at ${at} is not UTF-8`,
    note: "save the file as UTF-8",
    offset: text.length,
    text,
  };
}

/**
 * The offset of the first byte that starts no well-formed UTF-8 sequence (Unicode 16, table 3-7: no overlong forms,
 * no surrogates, nothing above U+10FFFF); `bytes.length` when all are well formed.
 */
export function findInvalidUtf8(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const [low, high] = secondByteRange(lead);
  const second = bytes[at + 1] ?? 0;
  if (second < low || second > high) return 0;
  for (let next = at + 2; next < at + length; next++) {
    if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function secondByteRange(lead: number): readonly [number, number] {
  if (lead === 0xe0) return [0xa0, 0xbf];
  if (lead === 0xed) return [0x80, 0x9f];
  if (lead === 0xf0) return [0x90, 0xbf];
  if (lead === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}

// C0 without tab, line feed, carriage return; DEL; C1 without NEL; lone surrogates; BOM; the two non-characters.
const BAD_CHARACTER =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]|\p{Surrogate}|\r(?!\n)/u;

function findBadCharacter(text: string): DecodeProblem | undefined {
  const found = BAD_CHARACTER.exec(text);
  if (found === null) return undefined;
  const code = found[0].charCodeAt(0);
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const base = { offset: found.index, text };
  if (code === 0) {
    return {
      code: "NUL",
      message: "a NUL byte (U+0000) in the text",
      note: "a spec is text",
      ...base,
    };
  }
  if (code === 0x0d) {
    return {
      code: "LINE_BREAK",
      message: "a carriage return without a line feed",
      note: "lines end in LF or CRLF",
      ...base,
    };
  }
  if (code === BYTE_ORDER_MARK) {
    return { code: "BOM", message: "a byte order mark (U+FEFF) that is not at the start", ...base };
  }
  return {
    code: "CONTROL_CHARACTER",
    message: `the character ${name} is not allowed in YAML`,
    ...base,
  };
}
