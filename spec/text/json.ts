/** JSON whose numbers of 64 bits are exact. */

/** No text of a spec has a NUL: what begins with one is ours. */
const MARK = "\u0000bigint ";
const MARKED = /"\\u0000bigint (-?\d+)"/g;

/** A bigint is written as a number, whatever its size: what reads it decides what it can hold. */
export function exactJson(value: unknown, indent?: number): string {
  const marked = (_: string, item: unknown): unknown =>
    typeof item === "bigint" ? `${MARK}${item}` : item;
  return JSON.stringify(value, marked, indent).replace(MARKED, "$1");
}
