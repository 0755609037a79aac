/**
 * Names in archives are bytes, not text: two names that are no UTF-8 must not become one (security case T7). A *byte text*
 * is a string with a character from 0 to 255 per byte.
 */
import { ImageError } from "./error.ts";

/** Longest path that the kernel takes, without its NUL. */
const PATH_BYTES_MAX = 4095;
const NAME_BYTES_MAX = 255;
/** A tree deeper than this is no one's: each level costs whoever walks it. */
export const DEPTH_MAX = 512;

/** Bytes → byte text. */
export function byteText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    // Spread they would go through an iterator, which takes four times as long; an archive has several such texts an entry.
    const chunk = bytes.subarray(at, at + 4096) as ArrayLike<number> as number[];
    text += String.fromCharCode.apply(undefined, chunk);
  }
  return text;
}

/** Byte text → bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Text → byte text: its UTF-8. */
export function byteTextOf(text: string): string {
  return byteText(new TextEncoder().encode(text));
}

/** A name for a message: its UTF-8, clipped; what is none shows as U+FFFD. */
export function shown(text: string): string {
  const clipped = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TextDecoder().decode(bytesOf(clipped.replace("…", ""))) +
    (text.length > 80 ? "…" : "");
}

/**
 * A path of an archive, relative to the layer's root: `/` at its begin, `.` and empty parts are left out; "" is the root.
 *
 * @throws ImageError for `..`, a NUL, and what is longer or deeper than a path can be.
 */
export function safePath(name: string, what = "an entry"): string {
  if (name.includes("\0")) throw refused(`${what} has a NUL in its name`, name);
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") throw refused(`${what} has \`..\` in its name`, name);
    if (part.length > NAME_BYTES_MAX) {
      throw refused(`${what} has a name of more than 255 bytes`, name);
    }
    parts.push(part);
  }
  if (parts.length > DEPTH_MAX) throw refused(`${what} lies deeper than ${DEPTH_MAX} levels`, name);
  const path = parts.join("/");
  if (path.length > PATH_BYTES_MAX) {
    throw refused(`${what} has a path of more than 4095 bytes`, name);
  }
  return path;
}

function refused(message: string, name: string): ImageError {
  return new ImageError("ARCHIVE_REFUSED", `${message}: "${shown(name)}"`);
}
