/** Text as the kernel takes it: UTF-8 bytes with a NUL at the end. */

const encoder = new TextEncoder();

/**
 * `text` in UTF-8 with its NUL: the only way by which a string reaches the kernel.
 *
 * @throws RangeError when the text holds a NUL (C would cut it there, so two readers would see two different strings)
 *   or half of a surrogate pair (which UTF-8 can't say: it would silently become U+FFFD).
 */
export function cstr(text: string): Uint8Array {
  // One pass: text is nearly always ASCII, and an encoder call costs more than this loop for a path.
  const bytes = new Uint8Array(text.length + 1);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0) {
      throw new RangeError(`text for the kernel holds a NUL: ${JSON.stringify(text)}`);
    }
    if (code > 127) return encodeWide(text);
    bytes[i] = code;
  }
  return bytes;
}

function encodeWide(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new RangeError(`text for the kernel holds a NUL: ${JSON.stringify(text)}`);
  }
  if (/\p{Surrogate}/u.test(text)) {
    throw new RangeError(`text for the kernel holds half a character: ${JSON.stringify(text)}`);
  }
  return encoder.encode(`${text}\0`);
}
