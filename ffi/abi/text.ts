/** Text as the kernel takes it: UTF-8, and for paths and names a NUL at the end. */

let encoder: TextEncoder | undefined;

/**
 * `text` in UTF-8, with `extra` zero bytes behind it.
 *
 * @throws RangeError when the text holds half of a surrogate pair, which UTF-8 can't say: it would silently become U+FFFD.
 */
export function utf8(text: string, extra = 0): Uint8Array {
  // Text is nearly always short and ASCII: this loop costs less than an encoder, and a start less than loading one.
  const bytes = new Uint8Array(text.length + extra);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return encode(text, extra);
    bytes[i] = code;
  }
  return bytes;
}

function encode(text: string, extra: number): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) {
    throw new RangeError(`text for the kernel holds half a character: ${JSON.stringify(text)}`);
  }
  encoder ??= new TextEncoder();
  return encoder.encode(text + "\0".repeat(extra));
}

/**
 * `text` in UTF-8 with its NUL: the only way by which a path or a name reaches the kernel.
 *
 * @throws RangeError when the text holds a NUL (C would cut it there, so two readers would see two different strings)
 *   or half of a surrogate pair.
 */
export function cstr(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new RangeError(`text for the kernel holds a NUL: ${JSON.stringify(text)}`);
  }
  return utf8(text, 1);
}
