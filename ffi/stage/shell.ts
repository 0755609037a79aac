/**
 * The file that is executed, and so what /proc/PID/exe gives to whoever may read it inside of a container: an image without its
 * plan. Its first record maps the plan, which comes by a descriptor, over its own place; the next one is read from there.
 *
 * Constants and records are left out: paths of the host, and every command's arguments and environment.
 */
import {
  DATA_BASE,
  DATA_OFFSET,
  HEADER_RECORD_COUNT,
  HEADER_RECORDS_ADDRESS,
  HEADER_SIZE,
  LOADER_RECORDS,
  RECORD_SIZE,
} from "./layout.ts";

/** Parts of an image that its shell has too, `from` and `to`: all before the constants, the loader's records, the writable bytes. */
export function shellParts(
  image: Uint8Array,
): readonly { readonly from: number; readonly to: number }[] {
  const header = new DataView(image.buffer, image.byteOffset + DATA_OFFSET, HEADER_SIZE);
  const records = header.getUint32(HEADER_RECORDS_ADDRESS, true) - DATA_BASE;
  // Behind the last record stands the guard, which is as long, and behind it the writable bytes.
  const writable = records + (header.getUint32(HEADER_RECORD_COUNT, true) + 1) * RECORD_SIZE;
  return [
    { from: 0, to: DATA_OFFSET + HEADER_SIZE },
    { from: records, to: records + LOADER_RECORDS * RECORD_SIZE },
    { from: writable, to: image.length },
  ];
}

/** The shell of `image`: as long as it, with zeros where constants and records stand. */
export function shellOf(image: Uint8Array): Uint8Array {
  const shell = new Uint8Array(image.length);
  for (const { from, to } of shellParts(image)) shell.set(image.subarray(from, to), from);
  return shell;
}
