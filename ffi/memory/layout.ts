/** Structs in memory: the tables of `ffi/abi` applied to bytes. */
import { readField, type StructLayout } from "../abi/struct.ts";

export {
  defineStruct,
  type Field,
  type FieldType,
  type FieldValue,
  readField,
  type StructLayout,
  writeField,
} from "../abi/struct.ts";

/**
 * All integer fields of a struct at `base`: numbers up to 32 bits, bigints for 64. Runs of bytes are left out.
 *
 * @throws RangeError when the bytes end before the struct.
 */
export function readStruct<Name extends string>(
  layout: StructLayout<Name>,
  bytes: Uint8Array,
  options: { readonly base?: number } = {},
): Record<Name, number | bigint> {
  const { base = 0 } = options;
  if (base + layout.size > bytes.length) {
    throw new RangeError(`${bytes.length - base} bytes are no ${layout.c} of ${layout.size}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = {} as Record<Name, number | bigint>;
  for (const name in layout.fields) {
    const field = layout.fields[name];
    if (typeof field.type === "string") values[name] = readField(view, field, { base });
  }
  return values;
}
