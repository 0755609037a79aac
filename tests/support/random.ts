/** Seeded random values: a failing case is repeated by its seed (`CONTAINERV_SEED`). */
import process from "node:process";

export interface Random {
  readonly seed: number;
  /** 0 ≤ n < 2^32. */
  word(): number;
  /** 0 ≤ n < `limit`; limit ≤ 2^32. */
  below(limit: number): number;
  /** 64 random bits. */
  long(): bigint;
  pick<T>(items: readonly T[]): T;
  chance(probability: number): boolean;
  bytes(length: number): Uint8Array;
  shuffle<T>(items: readonly T[]): T[];
}

/** The seed of the environment, else `fallback`: print it in messages of failures. */
export function chosenSeed(fallback: number): number {
  const given = process.env["CONTAINERV_SEED"];
  return given === undefined ? fallback : Number(given);
}

/** splitmix32: small, even over all 32 bits, the same on every runtime. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  const below = (limit: number) => Math.floor((word() / 2 ** 32) * limit);
  return {
    seed,
    word,
    below,
    long: () => (BigInt(word()) << 32n) | BigInt(word()),
    pick(items) {
      if (items.length === 0) throw new RangeError("cannot pick from an empty list");
      return items[below(items.length)] as (typeof items)[number];
    },
    chance: (probability) => word() / 2 ** 32 < probability,
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
    shuffle(items) {
      const mixed = [...items];
      for (let index = mixed.length - 1; index > 0; index--) {
        const other = below(index + 1);
        [mixed[index], mixed[other]] = [mixed[other]!, mixed[index]!];
      }
      return mixed;
    },
  };
}
