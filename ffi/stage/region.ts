/** A growing piece of an image: little-endian words and bytes, and the places that await an address. */

export interface Region {
  bytes: Uint8Array;
  view: DataView;
  /** The same bytes by four: what the machines that we run on store little-endian too. */
  halves: Uint32Array;
  /** Bytes in use. */
  length: number;
}

export function createRegion(capacity: number): Region {
  const bytes = new Uint8Array((capacity + 7) & -8);
  const { buffer } = bytes;
  return { bytes, view: new DataView(buffer), halves: new Uint32Array(buffer), length: 0 };
}

/** Reserves `size` zero bytes at the next multiple of `align` (a power of two); returns their offset. */
export function reserve(region: Region, size: number, align: number): number {
  const offset = (region.length + align - 1) & -align;
  const end = offset + size;
  if (end > region.bytes.length) {
    const grown = createRegion(Math.max(end, region.bytes.length * 2));
    grown.bytes.set(region.bytes);
    region.bytes = grown.bytes;
    region.view = grown.view;
    region.halves = grown.halves;
  }
  region.length = end;
  return offset;
}

const TWO_TO_32 = 0x100000000;

/**
 * Writes a 64-bit word. A number must be a safe integer, a bigint lie in −2^63…2^64−1; returns false where it does not.
 */
export function writeWord(region: Region, offset: number, value: number | bigint): boolean {
  const { view } = region;
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) return false;
    view.setInt32(offset, value, true);
    // Small numbers are nearly all of them; the division is for the rest.
    const high = value === (value | 0) ? value >> 31 : Math.floor(value / TWO_TO_32);
    view.setInt32(offset + 4, high, true);
    return true;
  }
  if (BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value) return false;
  view.setBigInt64(offset, value, true);
  return true;
}

/** Writes a 32-bit word from −2^31…2^32−1; returns false outside. */
export function writeHalfWord(region: Region, offset: number, value: number | bigint): boolean {
  const small = Number(value);
  if (!Number.isInteger(small) || small < -0x80000000 || small > 0xffffffff) return false;
  region.view.setInt32(offset, small, true);
  return true;
}
