/** Headers of a tar archive: ustar, with a pax header in front of what has no place in it. tar(5), POSIX.1-2017 pax. */
import { joinBytes } from "../../../ffi/memory/bytes.ts";
import { BLOCK_BYTES } from "./header.ts";

/** One entry, as it is written. */
export interface WrittenEntry {
  readonly type: "file" | "directory" | "symlink" | "fifo";
  /** Relative, without a `/` at its end. */
  readonly path: string;
  /** Target of a symbolic link. */
  readonly link?: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file; 0 for all else. */
  readonly size: number;
  readonly mtime: { readonly sec: number; readonly nsec: number };
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

const encoder = new TextEncoder();

const TYPES = { file: "0", symlink: "2", directory: "5", fifo: "6" } as const;
const NAME_BYTES = 100;
/** As many octal digits as the fields have. */
const ID_MAX = 0o7777777;
const NUMBER_MAX = 0o77777777777;

/** The blocks in front of an entry's data. */
export function entryHeader(entry: WrittenEntry): Uint8Array {
  const path = entry.type === "directory" ? `${entry.path}/` : entry.path;
  const records = paxRecords(entry, path);
  const header = ustar({ ...entry, path });
  if (records.length === 0) return header;
  const size = records.reduce((sum, one) => sum + one.length, 0);
  const name = `PaxHeaders/${path.slice(-80)}`;
  const pax = { ...entry, type: "file" as const, path: name, link: "", mode: 0o644, size };
  return joinBytes([ustar(pax, "x"), ...records, padding(size), header]);
}

/** What fills the last block of `size` bytes. */
export function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES);
}

/** Two blocks of zeros end an archive. */
export const archiveEnd = (): Uint8Array => new Uint8Array(2 * BLOCK_BYTES);

/** Only what the header after it can't say. */
function paxRecords(entry: WrittenEntry, path: string): readonly Uint8Array[] {
  const { link = "", uid, gid, size, mtime, xattrs } = entry;
  const texts: [string, string][] = [];
  const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);
  if (path.length > NAME_BYTES || !isPlain(path)) texts.push(["path", path]);
  if (link.length > NAME_BYTES || !isPlain(link)) texts.push(["linkpath", link]);
  if (uid > ID_MAX) texts.push(["uid", `${uid}`]);
  if (gid > ID_MAX) texts.push(["gid", `${gid}`]);
  if (size > NUMBER_MAX) texts.push(["size", `${size}`]);
  if (mtime.nsec !== 0 || mtime.sec < 0 || mtime.sec > NUMBER_MAX) {
    texts.push(["mtime", secondsText(mtime)]);
  }
  return [
    ...texts.map(([key, value]) => paxRecord(key, encoder.encode(value))),
    ...[...xattrs ?? []].map(([name, value]) => paxRecord(`SCHILY.xattr.${name}`, value)),
  ];
}

/** struct timespec before 1970 counts its nanoseconds forward; the text counts all of it back. */
function secondsText({ sec, nsec }: WrittenEntry["mtime"]): string {
  if (nsec === 0) return `${sec}`;
  if (sec >= 0) return `${sec}.${String(nsec).padStart(9, "0")}`;
  const back = 1_000_000_000 - nsec;
  return `-${-sec - 1}.${String(back).padStart(9, "0")}`;
}

/** `LENGTH KEY=VALUE\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const body = joinBytes([encoder.encode(` ${key}=`), value, encoder.encode("\n")]);
  let length = body.length + 1;
  while (`${length}`.length + body.length !== length) length = `${length}`.length + body.length;
  return joinBytes([encoder.encode(`${length}`), body]);
}

function ustar(entry: WrittenEntry, type: string = TYPES[entry.type]): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const text = (at: number, length: number, value: string): void =>
    block.set(encoder.encode(value).subarray(0, length), at);
  /** As many digits as the field holds, and a NUL. */
  const octal = (at: number, length: number, value: number): void => {
    const number = Math.min(Math.max(0, value), 8 ** (length - 1) - 1);
    text(at, length, number.toString(8).padStart(length - 1, "0"));
  };
  text(0, NAME_BYTES, entry.path);
  octal(100, 8, entry.mode & 0o7777);
  octal(108, 8, entry.uid);
  octal(116, 8, entry.gid);
  octal(124, 12, entry.size);
  octal(136, 12, entry.mtime.sec);
  text(148, 8, " ".repeat(8));
  text(156, 1, type);
  text(157, NAME_BYTES, entry.link ?? "");
  text(257, 8, "ustar\x0000");
  octal(329, 8, 0);
  octal(337, 8, 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}
