/** Points of time as people write them. */

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `10m` before now, or a time as Date reads it: nanoseconds since 1970; `undefined`: it is neither. */
export function readTime(text: string): bigint | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = count === undefined
    ? Date.parse(text)
    : Date.now() - Number(count) * (UNITS[unit ?? "s"] ?? 1) * 1000;
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n;
}
