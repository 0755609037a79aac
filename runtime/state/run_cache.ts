/**
 * Images of runs that were planned before: the same bytes of the spec on the same machine give the same plan, so a start
 * needs neither. One file per spec, beside the spec cache's:
 *
 *     0 `cvrun2\n` 7, 0   8 four lengths, u32   24 the key: version, file, directory, each with a NUL, and the spec's bytes
 *     then the machine's fingerprint, what is known of the run (JSON), and the image
 *
 * Every start reads it, so nothing is parsed before it is known to fit.
 */
import { isPrivateDirectory, replaceFile } from "../../ffi/linux/file.ts";
import { glanceBytes } from "../../ffi/linux/glance.ts";
import type { Summary } from "../plan/plan.ts";
import { type CacheKey, cacheName } from "./spec_cache.ts";

export interface RememberedRun {
  readonly image: Uint8Array;
  readonly summary: Summary;
  /** Files whose contents are part of the fingerprint. */
  readonly switches: readonly string[];
  /** Files whose identity is part of it: archives that layers come from. */
  readonly watched?: readonly string[];
}

type Known = Omit<RememberedRun, "image">;

const MAGIC = "cvrun2\n\0";
const HEAD_BYTES = 24;

const pathOf = (directory: string, key: CacheKey): string => `${directory}/${cacheName(key)}.run`;

const decoder = new TextDecoder();
/** windows-1252 has a letter of its own for each byte. */
const exact = new TextDecoder("latin1");
const encoder = new TextEncoder();

const keyText = ({ version, file, directory }: CacheKey): string =>
  `${version}\0${file}\0${directory}\0`;

const part = (whole: Uint8Array, offset: number, length: number): Uint8Array =>
  new Uint8Array(whole.buffer, whole.byteOffset + offset, length);

/** By the engine's own text comparison: a loop over hundreds of bytes would start its compilers' threads. */
function holds(whole: Uint8Array, offset: number, expected: Uint8Array): boolean {
  return exact.decode(part(whole, offset, expected.length)) === exact.decode(expected);
}

/** `undefined` unless text, version, place and machine are those of the time when it was made. */
export function recallRun(
  directory: string,
  key: CacheKey,
  fingerprint: (switches: readonly string[], watched?: readonly string[]) => string,
): RememberedRun | undefined {
  if (!isPrivateDirectory(directory)) return undefined;
  const bytes = glanceBytes(pathOf(directory, key));
  if (bytes === undefined || bytes.length < HEAD_BYTES) return undefined;
  const head = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const keyBytes = head.getUint32(8, true);
  const machineBytes = head.getUint32(12, true);
  const knownBytes = head.getUint32(16, true);
  const imageBytes = head.getUint32(20, true);
  const machineAt = HEAD_BYTES + keyBytes;
  const knownAt = machineAt + machineBytes;
  const imageAt = knownAt + knownBytes;
  // A machine that lost its power may have kept a part of it.
  if (bytes.length !== imageAt + imageBytes || !holds(bytes, 0, encoder.encode(MAGIC))) {
    return undefined;
  }
  const text = encoder.encode(keyText(key));
  if (keyBytes !== text.length + key.bytes.length) return undefined;
  if (!holds(bytes, HEAD_BYTES, text)) return undefined;
  if (!holds(bytes, HEAD_BYTES + text.length, key.bytes)) return undefined;
  const known = parseKnown(decoder.decode(part(bytes, knownAt, knownBytes)));
  if (known === undefined) return undefined;
  const machine = decoder.decode(part(bytes, machineAt, machineBytes));
  if (machine !== fingerprint(known.switches, known.watched)) return undefined;
  const image = part(bytes, imageAt, imageBytes);
  return { ...known, image };
}

function parseKnown(text: string): Known | undefined {
  try {
    return JSON.parse(text) as Known;
  } catch {
    return undefined; // torn: it is written anew
  }
}

/** Keeps a run's image. Gives the reason when it could not; that is no error. */
export function rememberRun(
  directory: string,
  key: CacheKey,
  run: RememberedRun & { readonly fingerprint: string },
): string | undefined {
  const { image, fingerprint, summary, switches, watched } = run;
  const text = encoder.encode(keyText(key));
  const machine = encoder.encode(fingerprint);
  const known = encoder.encode(JSON.stringify(
    { summary, switches, ...(watched === undefined ? {} : { watched }) } satisfies Known,
  ));
  const head = new Uint8Array(HEAD_BYTES);
  head.set(encoder.encode(MAGIC));
  const lengths = [text.length + key.bytes.length, machine.length, known.length, image.length];
  const view = new DataView(head.buffer);
  lengths.forEach((length, index) => view.setUint32(8 + index * 4, length, true));
  const parts = [head, text, key.bytes, machine, known, image];
  const bytes = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    bytes.set(one, at);
    at += one.length;
  }
  return replaceFile(pathOf(directory, key), bytes);
}
