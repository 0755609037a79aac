/** Archives made in code, good and bad, byte by byte. */

export interface EntryParts {
  /** A character per byte. */
  readonly name: string;
  /** Default "0", a file. */
  readonly type?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
  readonly data?: Uint8Array | string;
  /** Said instead of the data's length. */
  readonly size?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly prefix?: string;
  /** `undefined` keeps "ustar\0" "00". */
  readonly magic?: string;
  /** Changes the block before its checksum is made. */
  readonly patch?: (block: Uint8Array) => void;
  /** Changes it afterwards. */
  readonly spoil?: (block: Uint8Array) => void;
}

export const latin1 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (one) => one.charCodeAt(0) & 0xff);

export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function padded(data: Uint8Array): Uint8Array {
  return join(data, new Uint8Array((512 - data.length % 512) % 512));
}

const octal = (value: number, width: number): string =>
  `${value.toString(8).padStart(width - 1, "0")}\0`;

/** A header alone. */
export function header(parts: EntryParts): Uint8Array {
  const block = new Uint8Array(512);
  const put = (offset: number, text: string): void => block.set(latin1(text), offset);
  const data = typeof parts.data === "string" ? latin1(parts.data) : parts.data;
  put(0, parts.name.slice(0, 100));
  put(100, octal(parts.mode ?? 0o644, 8));
  put(108, octal(parts.uid ?? 0, 8));
  put(116, octal(parts.gid ?? 0, 8));
  put(124, octal(parts.size ?? data?.length ?? 0, 12));
  put(136, octal(parts.mtime ?? 1_000_000_000, 12));
  put(156, parts.type ?? "0");
  put(157, (parts.link ?? "").slice(0, 100));
  put(257, parts.magic ?? "ustar\x0000");
  put(329, octal(parts.major ?? 0, 8));
  put(337, octal(parts.minor ?? 0, 8));
  put(345, parts.prefix ?? "");
  parts.patch?.(block);
  put(148, "        ");
  const sum = block.reduce((all, byte) => all + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  parts.spoil?.(block);
  return block;
}

/** Header and data. */
export function entry(parts: EntryParts): Uint8Array {
  const data = typeof parts.data === "string" ? latin1(parts.data) : parts.data;
  return join(header(parts), padded(data ?? new Uint8Array(0)));
}

/** `LENGTH KEY=VALUE\n` */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}

/** An extended header. */
export function pax(
  records: Readonly<Record<string, string>> | string,
  type = "x",
): Uint8Array {
  const text = typeof records === "string"
    ? records
    : Object.entries(records).map(([key, value]) => paxRecord(key, value)).join("");
  return entry({ name: "pax", type, data: text });
}

export const END = new Uint8Array(1024);

export function archive(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return join(...parts, END);
}
