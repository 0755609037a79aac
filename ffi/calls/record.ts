/** How the functions of this folder make their records: words, structs with patches, and text made only when asked for. */
import { cstr } from "../abi/text.ts";
import { type StructLayout, writeField } from "../abi/struct.ts";
import type { Bytes, Patch, Syscall, Word } from "./call.ts";

/** The null pointer. */
export const NULL = 0;

/**
 * A call record. `text` is made when it is first read: of the hundreds of records of a start only the one that
 * fails, or none, is ever printed.
 */
export function syscall(
  name: string,
  parts: { readonly words: readonly Word[]; readonly text: () => readonly string[] },
): Syscall {
  let text: readonly string[] | undefined;
  return {
    name,
    words: parts.words,
    get text() {
      text ??= parts.text();
      return text;
    },
  };
}

/** Address of `text` with its NUL; throws RangeError as `cstr` does. `undefined` is the null pointer. */
export function cString(text: string): Bytes;
export function cString(text: string | undefined): Bytes | number;
export function cString(text: string | undefined): Bytes | number {
  return text === undefined ? NULL : { bytes: cstr(text) };
}

/** A path: its text, or the address of memory that holds it with its NUL; absent: NULL. */
export function pathWord(path: string | Word | undefined): Word {
  return typeof path === "string" || path === undefined ? cString(path) : path;
}

/**
 * A struct's bytes. Fields that are not given are zero; a field whose value is known only at run time, or is an
 * address, becomes a patch.
 */
export function struct<Name extends string>(
  layout: StructLayout<Name>,
  values: Readonly<Partial<Record<Name, Word | Uint8Array>>>,
): Bytes {
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  const patches: Patch[] = [];
  for (const name in values) {
    const value = values[name];
    if (value === undefined) continue;
    const field = layout.fields[name];
    if (typeof value === "number" || typeof value === "bigint" || value instanceof Uint8Array) {
      writeField(view, field, { value });
    } else if (field.size === 4 || field.size === 8) {
      patches.push({ offset: field.offset, width: field.size, word: value });
    } else throw new RangeError(`${layout.c}: ${field.size} bytes can't be patched at run time`);
  }
  return patches.length === 0 ? { bytes } : { bytes, patches };
}

/** Several 64-bit words in a row, as an array of pointers is; ends with a null pointer where `terminated`. */
export function vector(
  words: readonly Word[],
  options: { readonly terminated?: boolean } = {},
): Bytes {
  const bytes = new Uint8Array((words.length + (options.terminated ? 1 : 0)) * 8);
  const view = new DataView(bytes.buffer);
  const patches: Patch[] = [];
  words.forEach((word, index) => {
    if (typeof word === "number") view.setBigInt64(index * 8, BigInt(word), true);
    else if (typeof word === "bigint") view.setBigUint64(index * 8, BigInt.asUintN(64, word), true);
    else patches.push({ offset: index * 8, width: 8, word });
  });
  return { bytes, patches };
}

/** 32-bit unsigned integers in a row: a list of group ids. */
export function uint32s(values: readonly number[]): Bytes {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    if (!(Number.isInteger(value) && value >= 0 && value <= 0xffffffff)) {
      throw new RangeError(`${value} is no u32`);
    }
    view.setUint32(index * 4, value, true);
  });
  return { bytes };
}

/** One 64-bit number in memory: a signal mask. */
export function uint64(value: bigint): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
  return { bytes };
}

/** True for constant bytes, false for numbers, results and cells. */
export function isBytes(word: Word): word is Bytes {
  return typeof word === "object" && "bytes" in word;
}
