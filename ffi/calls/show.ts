/**
 * Arguments of calls as `strace` prints them. What is not known before the call has a name: the result of an earlier
 * record is `<name>`, writable memory is `&name`.
 */
import { AT_FDCWD, OPEN_ACCESS, OPEN_FLAGS } from "../abi/fcntl.ts";
import { signalName } from "../abi/signal.ts";
import { utf8 } from "../abi/text.ts";
import type { Word } from "./call.ts";

/** Names of flags or of values, in the order in which they are printed. */
export type Names = Readonly<Record<string, number | bigint>>;

/** A word that is no pointer to text: decimal, `<result>`, `&cell`, `&cell+8`, or `0x…` for bytes of another kind. */
export function showWord(word: Word): string {
  if (typeof word === "number" || typeof word === "bigint") return String(word);
  if ("result" in word) return `<${word.result}>`;
  if ("cell" in word) return word.offset ? `&${word.cell}+${word.offset}` : `&${word.cell}`;
  return showBuffer(word.bytes);
}

/** A pointer: 0 is NULL. */
export function showPointer(word: Word): string {
  if (typeof word === "number" || typeof word === "bigint") {
    return Number(word) === 0 ? "NULL" : `0x${word.toString(16)}`;
  }
  return showWord(word);
}

/** A path: the text itself, or the memory that will hold it; absent: NULL. */
export function showPath(path: string | Word | undefined): string {
  return path === undefined || typeof path === "string" ? showString(path) : showPointer(path);
}

/** A directory descriptor of an *at call. */
export function showDirfd(word: Word): string {
  return word === AT_FDCWD ? "AT_FDCWD" : showWord(word);
}

const ESCAPES: Readonly<Record<number, string>> = {
  0x09: "\\t",
  0x0a: "\\n",
  0x0b: "\\v",
  0x0c: "\\f",
  0x0d: "\\r",
  0x22: '\\"',
  0x5c: "\\\\",
};

/** Bytes between double quotes; what is not printable ASCII is octal, as short as the next character permits. */
export function showBuffer(bytes: Uint8Array): string {
  let out = '"';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    const escape = ESCAPES[byte];
    if (escape !== undefined) out += escape;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else {
      const next = bytes[i + 1] ?? 0;
      const digitFollows = next >= 0x30 && next <= 0x37;
      out += `\\${byte.toString(8).padStart(digitFollows ? 3 : 1, "0")}`;
    }
  }
  return `${out}"`;
}

/** Text between double quotes; undefined is NULL. */
export function showString(text: string | undefined): string {
  return text === undefined ? "NULL" : showBuffer(utf8(text));
}

/** A list between square brackets. */
export function showArray(items: readonly string[]): string {
  return `[${items.join(", ")}]`;
}

/** Fields between braces, in the given order; undefined ones are left out. */
export function showStruct(fields: Readonly<Record<string, string | undefined>>): string {
  const parts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return `{${parts.join(", ")}}`;
}

/** Flags by name, joined with `|`; what has no name in hexadecimal; nothing set: `0`. */
export function showFlags(flags: number | bigint, names: Names): string {
  let left = typeof flags === "bigint" ? flags : BigInt(flags >>> 0);
  if (left === 0n) return "0";
  const parts: string[] = [];
  for (const name in names) {
    const bit = BigInt(names[name] ?? 0);
    if (bit === 0n || (left & bit) !== bit) continue;
    parts.push(name);
    left &= ~bit;
  }
  if (left !== 0n) parts.push(`0x${left.toString(16)}`);
  return parts.join("|");
}

/** The name of one value, or the value. */
export function showName(value: number | bigint, names: Names): string {
  for (const name in names) if (names[name] === value) return name;
  return typeof value === "bigint" ? `0x${value.toString(16)}` : String(value);
}

/** Flags of open(2): the access mode first. */
export function showOpenFlags(flags: number): string {
  const access = flags & 3;
  const mode = showName(access, OPEN_ACCESS);
  const rest = flags & ~3;
  // O_PATH makes the kernel ignore the access mode, but strace still prints it.
  return rest === 0 ? mode : `${mode}|${showFlags(rest, OPEN_FLAGS)}`;
}

/** Permission bits: `0644`, `000`. */
export function showMode(mode: number): string {
  return mode === 0 ? "000" : `0${mode.toString(8)}`;
}

/** A signal's number by name; 0, which only asks, is 0. */
export function showSignal(word: Word): string {
  return typeof word === "number" && word > 0 ? signalName(word) : showWord(word);
}

/** A set of signals: `[HUP TERM]`, `~[KILL]`; inverted when it holds two thirds of all or more. */
export function showSigset(set: bigint): string {
  const all = 64;
  const numbers = Array.from({ length: all }, (_, index) => index + 1);
  const has = (number: number): boolean => ((set >> BigInt(number - 1)) & 1n) === 1n;
  const inverted = numbers.filter(has).length >= Math.floor(all * 2 / 3);
  const named = numbers.filter((number) => has(number) !== inverted);
  return `${inverted ? "~" : ""}[${named.map((n) => signalName(n).slice(3)).join(" ")}]`;
}

/** A user or group id; -1 leaves it as it is. */
export function showId(id: Word): string {
  return id === 0xffffffff ? "-1" : showWord(id);
}

/** Seconds and a fraction as the two members of a timespec or timeval. */
export function showTime(
  time: { readonly sec: Word; readonly nsec?: number; readonly usec?: number },
): string {
  return time.usec === undefined
    ? showStruct({ tv_sec: showWord(time.sec), tv_nsec: String(time.nsec ?? 0) })
    : showStruct({ tv_sec: showWord(time.sec), tv_usec: String(time.usec) });
}
