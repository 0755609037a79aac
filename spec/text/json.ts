/** JSON whose numbers of 64 bits are exact. */

/** A bigint is written as a number, whatever its size: what reads it decides what it can hold. */
export function exactJson(value: unknown, indent?: number): string {
  // Sound: both runtimes have it, and TypeScript's library will (ECMAScript, JSON.parse source text access).
  const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
  return JSON.stringify(
    value,
    (_, item: unknown) => typeof item === "bigint" ? rawJSON(`${item}`) : item,
    indent,
  );
}
