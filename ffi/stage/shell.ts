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

/** Bytes of an image and where they stand in the file; between the pieces the file is zero. */
export interface ShellPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The pieces of `image` that make its shell, in order, the last one up to the file's end. */
export function shellOf(image: Uint8Array): readonly [ShellPiece, ShellPiece, ShellPiece] {
  const header = new DataView(image.buffer, image.byteOffset + DATA_OFFSET, HEADER_SIZE);
  const records = header.getUint32(HEADER_RECORDS_ADDRESS, true) - DATA_BASE;
  // Behind the last record stands the guard, which is as long, and behind it the writable bytes.
  const writable = records + (header.getUint32(HEADER_RECORD_COUNT, true) + 1) * RECORD_SIZE;
  const piece = (from: number, to: number): ShellPiece => ({
    offset: from,
    bytes: image.subarray(from, to),
  });
  return [
    piece(0, DATA_OFFSET + HEADER_SIZE),
    piece(records, records + LOADER_RECORDS * RECORD_SIZE),
    piece(writable, image.length),
  ];
}
