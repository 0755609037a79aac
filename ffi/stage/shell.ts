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

/** The shell of `image`: as long as it, with zeros where constants and records stand. */
export function shellOf(image: Uint8Array): Uint8Array {
  const header = new DataView(image.buffer, image.byteOffset + DATA_OFFSET, HEADER_SIZE);
  const records = header.getUint32(HEADER_RECORDS_ADDRESS, true) - DATA_BASE;
  // Behind the last record stands the guard, which is as long, and behind it the writable bytes.
  const writable = records + (header.getUint32(HEADER_RECORD_COUNT, true) + 1) * RECORD_SIZE;
  const shell = image.slice();
  shell.fill(0, DATA_OFFSET + HEADER_SIZE, records);
  shell.fill(0, records + LOADER_RECORDS * RECORD_SIZE, writable);
  return shell;
}
