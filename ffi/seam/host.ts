/** What this program asks of a JavaScript runtime beyond the language: the whole of it. */

/** One 64-bit word: a number while it is exact, a bigint beyond 2^53. Pointers are words too. */
export type NativeWord = number | bigint;

/** A native function whose arguments and result are all 64-bit words. */
export type Callable = (...words: readonly NativeWord[]) => NativeWord;

export interface Seam {
  readonly runtime: "bun" | "deno";
  /** The functions of a library by name, each with its number of arguments. Throws when the library or one is not there. */
  readonly open: <Name extends string>(
    library: string,
    arity: Readonly<Record<Name, number>>,
  ) => Readonly<Record<Name, Callable>>;
  /** The bytes at an address. The memory must outlive every use of it, and must not be the garbage collector's. */
  readonly view: (address: NativeWord, length: number) => ArrayBuffer;
  /** Calls `listener` at each signal of that name until the returned function is called. Keeps no event loop alive. */
  readonly onSignal: (name: string, listener: () => void) => () => void;
}
