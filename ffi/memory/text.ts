/** Text from memory; text to memory is `cstr`, which `ffi/abi/text.ts` holds because records need it without memory. */

export { cstr } from "../abi/text.ts";

let decoder: TextDecoder | undefined;

/** The text up to the first NUL (or the end): what a C function wrote. Bytes that are no UTF-8 become U+FFFD. */
export function readCString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  decoder ??= new TextDecoder();
  // Decoders refuse memory that others may write to, so it is copied first.
  return decoder.decode(bytes.slice(0, end < 0 ? bytes.length : end));
}
