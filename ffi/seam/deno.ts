/** The seam for Deno: Deno.dlopen. */
import type { Callable, NativeWord, Seam } from "./host.ts";

/** The part of Deno's API that is used; its types are not there under other tools. */
interface DenoFfi {
  dlopen: (
    library: string,
    symbols: Record<string, { parameters: readonly string[]; result: string }>,
  ) => { symbols: Record<string, (...words: readonly bigint[]) => bigint> };
  UnsafePointer: { create: (address: bigint) => unknown };
  UnsafePointerView: { getArrayBuffer: (pointer: unknown, length: number) => ArrayBuffer };
  addSignalListener: (name: string, listener: () => void) => void;
  removeSignalListener: (name: string, listener: () => void) => void;
}

/** A result as a number while that is exact. */
const fromNative = (word: bigint): NativeWord =>
  word >= -0x1fffffffffffffn && word <= 0x1fffffffffffffn ? Number(word) : word;

export function denoSeam(): Seam {
  const deno = (globalThis as unknown as { Deno: DenoFfi }).Deno;
  return {
    runtime: "deno",
    open(library, arity) {
      const symbols: Record<string, { parameters: string[]; result: string }> = {};
      for (const name in arity) {
        symbols[name] = { parameters: new Array<string>(arity[name]).fill("i64"), result: "i64" };
      }
      const native = deno.dlopen(library, symbols).symbols;
      const callables: Record<string, Callable> = {};
      for (const name in arity) {
        const call = native[name] as (...words: readonly bigint[]) => bigint;
        callables[name] = (...words) => fromNative(call(...(words as readonly bigint[])));
      }
      return callables as ReturnType<Seam["open"]>;
    },
    view: (address, length) =>
      deno.UnsafePointerView.getArrayBuffer(deno.UnsafePointer.create(BigInt(address)), length),
    onSignal(name, listener) {
      deno.addSignalListener(name, listener);
      return () => deno.removeSignalListener(name, listener);
    },
  };
}
