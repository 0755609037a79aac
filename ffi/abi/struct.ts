/**
 * Struct tables: ordered fields with C types. Offsets and size are computed by the rules of the C compiler and the
 * declared size is asserted, so a field that is missing or of the wrong width is found when the table is first used.
 * Pure; a struct's bytes are written and read through any DataView.
 */

/** A C type by its width, or a run of bytes (array, padding, nested struct) with its alignment. */
export type FieldType =
  | "u8"
  | "i8"
  | "u16"
  | "i16"
  | "u32"
  | "i32"
  | "u64"
  | "i64"
  | { readonly bytes: number; readonly align: number };

export interface Field {
  readonly type: FieldType;
  readonly offset: number;
  readonly size: number;
}

/** Where each field of a struct lies. `Name` is the union of its field names. */
export interface StructLayout<Name extends string = string> {
  /** As C spells it: `struct mount_attr`. */
  readonly c: string;
  readonly size: number;
  readonly fields: Readonly<Record<Name, Field>>;
}

const WIDTHS = { u8: 1, i8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8 } as const;

const shape = (type: FieldType): { size: number; align: number } =>
  typeof type === "string"
    ? { size: WIDTHS[type], align: WIDTHS[type] }
    : { size: type.bytes, align: type.align };

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

interface StructTable<Fields> {
  /** As C spells it. */
  readonly c: string;
  /** What sizeof says. */
  readonly size: number;
  readonly fields: Fields;
  readonly packed?: boolean;
}

/**
 * A struct as the C ABI of x86_64 and aarch64 lays it out: every field at a multiple of its alignment, the whole a
 * multiple of the largest. `packed` leaves all of that out.
 *
 * Offsets are computed, and `size` is compared with their sum, when `fields` is first read: a start that does not use a
 * struct does not pay for it. RangeError then, when they do not add up or a name is there twice.
 */
export function defineStruct<const Fields extends readonly (readonly [string, FieldType])[]>(
  table: StructTable<Fields>,
): StructLayout<Fields[number][0]> {
  let fields: Record<string, Field> | undefined;
  return {
    c: table.c,
    size: table.size,
    get fields() {
      fields ??= layOut(table);
      return fields as Record<Fields[number][0], Field>;
    },
  };
}

function layOut(
  table: StructTable<readonly (readonly [string, FieldType])[]>,
): Record<string, Field> {
  const fields: Record<string, Field> = {};
  let end = 0;
  let widest = 1;
  for (const [name, type] of table.fields) {
    if (fields[name] !== undefined) throw new RangeError(`${table.c} has two fields "${name}"`);
    const { size, align } = shape(type);
    const offset = table.packed ? end : roundUp(end, align);
    fields[name] = { type, offset, size };
    end = offset + size;
    widest = table.packed ? 1 : Math.max(widest, align);
  }
  const size = roundUp(end, widest);
  if (size !== table.size) {
    throw new RangeError(`${table.c} has ${size} bytes by its fields, ${table.size} declared`);
  }
  return fields;
}

/** A value for a field: an integer, or bytes that are at most as long as the field (the rest stays zero). */
export type FieldValue = number | bigint | Uint8Array;

/**
 * Writes `value` at `base + field.offset`, little-endian.
 *
 * @throws RangeError when the value does not fit: a limit that is silently another number is worse than none.
 */
export function writeField(
  view: DataView,
  field: Field,
  options: { readonly base?: number; readonly value: FieldValue },
): void {
  const at = (options.base ?? 0) + field.offset;
  const { type } = field;
  if (typeof type !== "string" || options.value instanceof Uint8Array) {
    if (!(options.value instanceof Uint8Array) || options.value.length > field.size) {
      throw new RangeError(`a field of ${field.size} bytes takes at most as many`);
    }
    new Uint8Array(view.buffer, view.byteOffset + at, field.size).set(options.value);
    return;
  }
  const value = typeof options.value === "bigint" ? options.value : exactInteger(options.value);
  const bits = BigInt(field.size * 8);
  const [least, most] = type.startsWith("u")
    ? [0n, (1n << bits) - 1n]
    : [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n];
  if (value < least || value > most) throw new RangeError(`${value} is no ${type}`);
  if (field.size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
  else if (field.size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else if (field.size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
}

function exactInteger(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no exact integer`);
  return BigInt(value);
}

/** Reads an integer field at `base + field.offset`: a number up to 32 bits, a bigint for 64. */
export function readField(
  view: DataView,
  field: Field,
  options: { readonly base?: number } = {},
): number | bigint {
  const at = (options.base ?? 0) + field.offset;
  switch (field.type) {
    case "u8":
      return view.getUint8(at);
    case "i8":
      return view.getInt8(at);
    case "u16":
      return view.getUint16(at, true);
    case "i16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "i64":
      return view.getBigInt64(at, true);
    default:
      throw new RangeError("a run of bytes is no integer");
  }
}
