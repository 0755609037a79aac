/** Extended headers: `LENGTH KEY=VALUE\n`, over and over. Source: POSIX.1-2017 pax, tar(5), GNU tar's manual on sparse formats. */
import { byteText } from "../names.ts";
import { damaged, type Segment } from "./header.ts";

/** What an extended header may be at most (security cases T6, CVE-2025-58183). */
export const EXTENSION_BYTES_MAX = 1 << 20;

/** What an extended header says of the entry behind it. Texts are byte texts. */
export interface Pax {
  readonly path?: string;
  readonly link?: string;
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: { readonly sec: number; readonly nsec: number };
  readonly major?: number;
  readonly minor?: number;
  /** Name → value. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly sparse?: PaxSparse;
  /** Attributes in forms that are not read: access lists, libarchive's own. */
  readonly ignored: readonly string[];
}

export interface PaxSparse {
  readonly realSize: number;
  /** Absent in version 1.0, whose map stands in front of the data. */
  readonly segments?: readonly Segment[];
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

type Record_ = readonly [key: string, value: Uint8Array];

function* records(bytes: Uint8Array): Generator<Record_> {
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at);
    if (space < 0) throw damaged("an extended header has no length");
    const length = decimal(byteText(bytes.subarray(at, space)), "length of an extended header");
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, space);
    const whole = end <= bytes.length && equals > space + 1 && equals < end - 1 &&
      bytes[end - 1] === NEWLINE;
    if (!whole) throw damaged("a record of an extended header is not as long as it says");
    yield [byteText(bytes.subarray(space + 1, equals)), bytes.slice(equals + 1, end - 1)];
    at = end;
  }
}

function decimal(text: string, what: string): number {
  const value = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(value)) {
    throw damaged(`the ${what} is no number`);
  }
  return value;
}

const XATTR = "SCHILY.xattr.";

/** @throws ImageError when a record is not what it says, or has a value that is none. */
export function readPax(bytes: Uint8Array): Pax {
  const said = new Map<string, string>();
  const xattrs = new Map<string, Uint8Array>();
  const pairs: [string, string][] = [];
  const ignored: string[] = [];
  for (const [key, value] of records(bytes)) {
    if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
    else if (/^(SCHILY\.acl\.|RHT\.security\.|LIBARCHIVE\.xattr\.)/.test(key)) ignored.push(key);
    else {
      const text = byteText(value);
      if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") pairs.push([key, text]);
      // An empty value takes back what a header before said.
      if (value.length === 0) said.delete(key);
      else said.set(key, text);
    }
  }
  return { ...readKeys(said), ...readSparse(said, pairs), xattrs, ignored };
}

const NUMBERS = {
  size: "size",
  uid: "uid",
  gid: "gid",
  "SCHILY.devmajor": "major",
  "SCHILY.devminor": "minor",
} as const;

function readKeys(said: ReadonlyMap<string, string>): Omit<Pax, "xattrs" | "ignored"> {
  const out: { -readonly [Key in keyof Pax]?: Pax[Key] } = {};
  for (const [key, name] of Object.entries(NUMBERS)) {
    const text = said.get(key);
    if (text !== undefined) out[name] = decimal(text, `value of ${key}`);
  }
  const path = said.get("GNU.sparse.name") ?? said.get("path");
  if (path !== undefined) out.path = path;
  const link = said.get("linkpath");
  if (link !== undefined) out.link = link;
  const mtime = said.get("mtime");
  if (mtime !== undefined) out.mtime = readTime(mtime);
  return out;
}

/** `-1.5` is half a second before `-1`: nanoseconds count upwards from the second below. */
function readTime(text: string): { sec: number; nsec: number } {
  const parts = /^(-?)([0-9]{1,15})(?:\.([0-9]{0,30}))?$/.exec(text);
  if (parts === null) throw damaged("the value of mtime is no time");
  const sec = Number(parts[2]);
  const nsec = Number((parts[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (parts[1] === "") return { sec, nsec };
  return nsec === 0 ? { sec: -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1e9 - nsec };
}

function readSparse(
  said: ReadonlyMap<string, string>,
  pairs: readonly (readonly [string, string])[],
): { sparse?: PaxSparse } {
  const size = said.get("GNU.sparse.realsize") ?? said.get("GNU.sparse.size");
  const keys = [...said.keys()].filter((key) => key.startsWith("GNU.sparse."));
  if (keys.length === 0) return {};
  if (size === undefined) throw damaged("a sparse file has no size");
  const realSize = decimal(size, "size of a sparse file");
  if (said.get("GNU.sparse.major") === "1") return { sparse: { realSize } };
  const map = said.get("GNU.sparse.map");
  const numbers = map === undefined ? orderedPairs(pairs) : map.split(",");
  return { sparse: { realSize, segments: segmentsOf(numbers) } };
}

/** Version 0.0 repeats offset and numbytes, in turn. */
function orderedPairs(pairs: readonly (readonly [string, string])[]): readonly string[] {
  return pairs.map(([key, value], index) => {
    const expected = index % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
    if (key !== expected) throw damaged("the map of a sparse file is out of order");
    return value;
  });
}

/** Offset, length, offset, length, …: as texts. */
export function segmentsOf(numbers: readonly string[]): readonly Segment[] {
  if (numbers.length % 2 !== 0) {
    throw damaged("the map of a sparse file has an odd number of entries");
  }
  const segments: Segment[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    segments.push({
      offset: decimal(numbers[i] ?? "", "offset in the map of a sparse file"),
      length: decimal(numbers[i + 1] ?? "", "length in the map of a sparse file"),
    });
  }
  return segments;
}

/** A global header speaks of all entries behind it: only what changes none of them is taken. */
export function checkGlobal(bytes: Uint8Array): void {
  for (const [key] of records(bytes)) {
    if (/^(comment|atime|ctime|charset|hdrcharset|uname|gname)$/.test(key)) continue;
    throw damaged(`a global header sets ${key.slice(0, 40)} for every entry`);
  }
}
