/** The seam for Bun: bun:ffi. Loaded without an import, so that no other tool has to know the module. */
import type { Callable, Seam } from "./host.ts";

/** The part of bun:ffi that is used. */
interface BunFfi {
  dlopen: (
    library: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ) => { symbols: Record<string, Callable> };
  toArrayBuffer: (address: number, offset: number, length: number) => ArrayBuffer;
}

export function bunSeam(): Seam {
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as BunFfi;
  return {
    runtime: "bun",
    open(library, arity) {
      const symbols: Record<string, { args: string[]; returns: string }> = {};
      for (const name in arity) {
        symbols[name] = { args: new Array<string>(arity[name]).fill("i64"), returns: "i64_fast" };
      }
      return ffi.dlopen(library, symbols).symbols as ReturnType<Seam["open"]>;
    },
    view: (address, length) => ffi.toArrayBuffer(Number(address), 0, length),
    onSignal(name, listener) {
      process.on(name, listener);
      return () => process.off(name, listener);
    },
  };
}
