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
  const known = parseHeader(text.slice(expected.length));
  // A machine that lost its power may have kept a part of it.
  if (known === undefined || known.imageBytes !== bytes.length - end) return undefined;
  if (known.fingerprint !== fingerprint(known.switches)) return undefined;
  return { image: bytes.subarray(end), summary: known.summary, switches: known.switches };
}

interface Header extends Omit<RememberedRun, "image"> {
  readonly fingerprint: string;
  readonly imageBytes: number;
}

function parseHeader(text: string): Header | undefined {
  try {
    return JSON.parse(text) as Header;
  } catch {
    return undefined; // torn: it is written anew
  }
}

function keyText({ version, file, directory, text }: CacheKey): string {
  return `${JSON.stringify([version, file, directory, text])}\n`;
}

/** Keeps a run's image. Gives the reason when it could not; that is no error. */
export function rememberRun(
  directory: string,
  key: CacheKey,
  run: RememberedRun & Pick<Header, "fingerprint">,
): string | undefined {
  const { image, ...rest } = run;
  const header = new TextEncoder().encode(
    keyText(key) + JSON.stringify({ ...rest, imageBytes: image.length } satisfies Header),
  );
  const bytes = new Uint8Array(LENGTH_DIGITS + header.length + image.length);
  bytes.set(new TextEncoder().encode(`${header.length}`.padEnd(LENGTH_DIGITS)));
  bytes.set(header, LENGTH_DIGITS);
  bytes.set(image, LENGTH_DIGITS + header.length);
  return replaceFile(pathOf(directory, key), bytes);
}
