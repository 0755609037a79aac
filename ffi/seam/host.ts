/**
 * The seam: all that the rest needs of a JavaScript runtime beyond the language. One file implements it for Bun, one for
 * Deno. Words are 64-bit integers; addresses are numbers, bigints above 2^53.
 */

/** A native function. Takes and gives 64-bit integers; a result that is exact as a number comes as one. */
export type Callable = (...words: readonly (number | bigint)[]) => number | bigint;

/** Shape of a native function: how many words it takes and how wide its result is. */
export interface Signature {
  readonly words: number;
  /** `int` of C leaves the upper half of the register undefined, so it must be known. */
  readonly returns: "i32" | "i64";
}

export interface SymbolTable {
  readonly [name: string]: Signature;
}

/** What reads a pipe. A read that waits keeps the process from ending. */
export interface PipeReader {
  readonly read: () => Promise<
    { readonly done?: boolean; readonly value?: Uint8Array | undefined }
  >;
  readonly cancel: () => void;
}

export interface Seam {
  readonly runtime: "bun" | "deno";
  readonly architecture: "x86_64" | "aarch64";
  /**
   * Opens the first of `libraries` that is there and binds its functions.
   *
   * @throws SeamError when none is there, or a symbol is missing.
   */
  readonly open: <Table extends SymbolTable>(
    libraries: readonly string[],
    table: Table,
  ) => { readonly [Name in keyof Table]: Callable };
  /** A function at an address. */
  readonly callable: (address: number | bigint, signature: Signature) => Callable;
  /**
   * `length` bytes at an address. The memory must outlive every use of the buffer: nothing keeps it, nothing frees it.
   */
  readonly view: (address: number | bigint, length: number) => ArrayBuffer;
  /** Memory that threads share, zeroed, with its address. It never moves, and lives as long as `shared` is held. */
  readonly share: (
    length: number,
  ) => { readonly shared: SharedArrayBuffer; readonly address: number };
  /** The words that start `script` in this very runtime; a program that has its script inside starts itself. */
  readonly program: (script: string) => readonly string[];
  /** Calls `listener` in the event loop after a signal (`SIGCHLD`) came; the result takes it away again. */
  readonly onSignal: (name: string, listener: () => void) => () => void;
  /**
   * Reads the pipe that `path` opens, without a thread that waits for it where the runtime can: Bun has few of them, and reads of
   * node:fs that wait for silent pipes would take them all.
   */
  readonly readPipe: (path: string) => PipeReader;
  /** Keeps the process from ending while a signal is awaited (listeners alone do not); the result lets it go. */
  readonly keepAlive: () => () => void;
}

/** This runtime or machine can't do what the seam needs. */
export class SeamError extends Error {
  override readonly name = "SeamError";
}

/** Longest period that both runtimes take; the timer never fires, it only is there. */
const NEVER_MS = 0x7fffffff;

/** A timer that does nothing: the one handle that both runtimes count as work to be done. */
export function keepAlive(): () => void {
  const timer = setInterval(() => {}, NEVER_MS);
  return () => clearInterval(timer);
}
