import { clip } from "./strings.ts";

/** A quantity read from text, or why it was not one and what would be. */
export type Quantity =
  | { readonly value: number }
  | { readonly message: string; readonly note?: string; readonly fix?: string };

const SIZE = /^([0-9]+)(?:\.([0-9]+))?\s?([A-Za-z]*)$/;

/** Powers of 1024 are spelled with an `i`; without it they are powers of 1000, as the SI has it. */
const SIZE_UNITS: Readonly<Record<string, bigint>> = {
  B: 1n,
  kB: 1000n,
  KB: 1000n,
  MB: 1000n ** 2n,
  GB: 1000n ** 3n,
  TB: 1000n ** 4n,
  PB: 1000n ** 5n,
  KiB: 1024n,
  MiB: 1024n ** 2n,
  GiB: 1024n ** 3n,
  TiB: 1024n ** 4n,
  PiB: 1024n ** 5n,
};

/**
 * `512MiB`, `1.5GB`, `64KiB` → bytes, exact. IEC units (KiB, MiB, …) count by 1024, SI units (kB, MB, …) by 1000.
 * A single letter is refused, because `64k` is 65536 to Docker and 64000 to others; so is a bare number, because
 * nothing says bytes. A number of bytes that is not whole, zero, or 2^53 and more is refused.
 */
export function parseSize(text: string): Quantity {
  const match = text.length > 64 ? null : SIZE.exec(text);
  if (match === null) {
    return { message: `"${clip(text)}" is not a size`, note: "a size is such as 512MiB or 1.5GB" };
  }
  const [, whole = "", fraction = "", unit = ""] = match;
  const factor = SIZE_UNITS[unit];
  if (factor === undefined) return refuseUnit(text, whole + (fraction && `.${fraction}`), unit);
  if (fraction.length > 18 || whole.length > 18) {
    return { message: `"${text}" has too many digits` };
  }
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * factor;
  if (scaled % scale !== 0n) return { message: `"${text}" is not a whole number of bytes` };
  const bytes = scaled / scale;
  if (bytes === 0n) return { message: `"${text}" is no size at all` };
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) return { message: `"${text}" is more than 8PiB` };
  return { value: Number(bytes) };
}

function refuseUnit(text: string, number: string, unit: string): Quantity {
  if (unit === "") return { message: `"${text}" has no unit`, fix: `${number}MiB` };
  const letter = unit[0]?.toUpperCase() ?? "";
  if (!"KMGTPB".includes(letter)) {
    return { message: `"${unit}" is not a unit of size`, fix: `${number}MiB` };
  }
  if (letter === "B") return { message: `"${unit}" is not a unit of size`, fix: `${number}B` };
  if (unit.length === 1) {
    return {
      message: `"${unit}" is 1024-based to some and 1000-based to others`,
      fix: `${number}${letter}iB`,
    };
  }
  return { message: `"${unit}" is not a unit of size`, fix: `${number}${letter}iB` };
}

const DURATION =
  /^(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]{1,3})?)s)?(?:([0-9]+)ms)?$/;
const MS_PER = [86_400_000, 3_600_000, 60_000, 1_000, 1] as const;
/** A timer of Node, Bun and Deno holds 31 bits of milliseconds: 24.8 days. */
const MAX_DURATION_MS = 2_147_483_647;

/**
 * `30s`, `1m30s`, `500ms`, `1h`, `1.5s` → whole milliseconds. Units from large to small, each once: d, h, m, s, ms.
 * A number without a unit is refused; so is more than 24 days, which no timer holds.
 */
export function parseDuration(text: string): Quantity {
  const match = text.length > 64 ? null : DURATION.exec(text);
  if (match === null || text === "") {
    if (/^[0-9]+$/.test(text)) return { message: `"${text}" has no unit`, fix: `${text}s` };
    return { message: `"${clip(text)}" is not a duration`, note: "such as 30s, 1m30s or 500ms" };
  }
  const ms = MS_PER.reduce((sum, factor, index) => sum + Number(match[index + 1] ?? 0) * factor, 0);
  const rounded = Math.round(ms);
  if (rounded > MAX_DURATION_MS) return { message: `"${text}" is longer than 24 days` };
  return { value: rounded };
}
