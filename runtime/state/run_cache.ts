/**
 * Images of runs that were planned before: the same bytes of the spec on the same machine give the same plan, so a start
 * needs neither. One file per spec, beside the spec cache's: a length, a header in JSON, the image.
 */
import { isPrivateDirectory, readBytes, replaceFile } from "../../ffi/linux/file.ts";
import type { Summary } from "../plan/plan.ts";
import { type CacheKey, cacheName } from "./spec_cache.ts";

export interface RememberedRun {
  readonly image: Uint8Array;
  readonly summary: Summary;
  /** Files whose contents are part of the fingerprint. */
  readonly switches: readonly string[];
}

/** The header's length stands in front, in decimal, padded. */
const LENGTH_DIGITS = 8;

const pathOf = (directory: string, key: CacheKey): string => `${directory}/${cacheName(key)}.run`;

const decoder = new TextDecoder();

/** `undefined` unless text, version, place and machine are those of the time when it was made. */
export function recallRun(
  directory: string,
  key: CacheKey,
  fingerprint: (switches: readonly string[]) => string,
): RememberedRun | undefined {
  if (!isPrivateDirectory(directory)) return undefined;
  const bytes = readBytes(pathOf(directory, key));
  if (bytes === undefined) return undefined;
  const end = LENGTH_DIGITS + Number(decoder.decode(bytes.subarray(0, LENGTH_DIGITS)));
  const expected = keyText(key);
  const text = decoder.decode(bytes.subarray(LENGTH_DIGITS, end));
  // The key comes first: one comparison of texts, and only then is anything parsed.
  if (!text.startsWith(expected)) return undefined;
  const known = JSON.parse(text.slice(expected.length)) as Header;
  if (known.fingerprint !== fingerprint(known.switches)) return undefined;
  return { image: bytes.subarray(end), summary: known.summary, switches: known.switches };
}

interface Header extends Omit<RememberedRun, "image"> {
  readonly fingerprint: string;
}

function keyText({ version, file, directory, text }: CacheKey): string {
  return `${JSON.stringify([version, file, directory, text])}\n`;
}

/** Keeps a run's image. Gives the reason when it could not; that is no error. */
export function rememberRun(
  directory: string,
  key: CacheKey,
  run: RememberedRun & Header,
): string | undefined {
  const { image: _, ...rest } = run;
  const header = new TextEncoder().encode(keyText(key) + JSON.stringify(rest satisfies Header));
  const bytes = new Uint8Array(LENGTH_DIGITS + header.length + run.image.length);
  bytes.set(new TextEncoder().encode(`${header.length}`.padEnd(LENGTH_DIGITS)));
  bytes.set(header, LENGTH_DIGITS);
  bytes.set(run.image, LENGTH_DIGITS + header.length);
  return replaceFile(pathOf(directory, key), bytes);
}
