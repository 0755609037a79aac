/** The seam on Deno. */
import { type Callable, keepAlive, type Seam, SeamError, type Signature } from "./host.ts";

/** Deno's pointers are opaque objects; only this file sees one. */
type Pointer = { readonly __pointer: never } | null;

interface Definition {
  readonly parameters: readonly "i64"[];
  readonly result: "i32" | "i64";
}

type Raw = (...words: readonly bigint[]) => number | bigint;

/** What is used of the global `Deno`. */
interface DenoApi {
  readonly build: { readonly arch: string };
  readonly dlopen: (
    library: string,
    table: Readonly<Record<string, Definition>>,
  ) => { readonly symbols: Readonly<Record<string, Raw>> };
  readonly UnsafePointer: {
    readonly create: (address: bigint) => Pointer;
    readonly of: (bytes: Uint8Array<SharedArrayBuffer>) => Pointer;
    readonly value: (pointer: Pointer) => bigint;
  };
  readonly UnsafePointerView: {
    readonly getArrayBuffer: (pointer: Pointer, length: number) => ArrayBuffer;
  };
  readonly UnsafeFnPointer: new (
    pointer: Pointer,
    definition: Definition,
  ) => { readonly call: Raw };
  readonly execPath: () => string;
  readonly addSignalListener: (name: string, listener: () => void) => void;
  readonly removeSignalListener: (name: string, listener: () => void) => void;
}

/** The part of node:fs that is used. */
interface NodeFs {
  createReadStream: (path: string) => AsyncIterable<Uint8Array> & { destroy: () => void };
}

const define = (signature: Signature): Definition => ({
  parameters: new Array<"i64">(signature.words).fill("i64"),
  result: signature.returns,
});

/**
 * Deno gives every i64 as a bigint; most fit a number, which is what the seam promises. It takes numbers too, but V8 calls a native
 * function directly only where each i64 is a bigint, and where it sees how many there are: with numbers a call takes twice as long.
 */
function exact(raw: Raw, { words: count }: Signature): Callable {
  if (count !== SYSCALL_WORDS) return (...words) => numberOf(raw(...words.map(BigInt)));
  return (...[a, b, c, d, e, f, g]) =>
    numberOf(raw(big(a), big(b), big(c), big(d), big(e), big(f), big(g)));
}

/** syscall(2) of libc: the number and six words. All that is called often is called by it. */
const SYSCALL_WORDS = 7;

const big = (word: number | bigint = 0): bigint => BigInt(word);

function numberOf(result: number | bigint): number | bigint {
  if (typeof result === "number") return result;
  const number = Number(result);
  return Number.isSafeInteger(number) ? number : result;
}

function openFirst(
  deno: DenoApi,
  wanted: {
    readonly libraries: readonly string[];
    readonly table: Readonly<Record<string, Definition>>;
  },
): Readonly<Record<string, Raw>> {
  const reasons: string[] = [];
  for (const library of wanted.libraries) {
    try {
      return deno.dlopen(library, wanted.table).symbols;
    } catch (error) {
      reasons.push(`${library}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new SeamError(`no C library can be opened (is --allow-ffi given?): ${reasons.join("; ")}`);
}

/** Binds the seam to the running Deno. */
export function denoSeam(): Seam {
  const deno = (globalThis as unknown as { readonly Deno: DenoApi }).Deno;
  return {
    runtime: "deno",
    architecture: deno.build.arch === "aarch64" ? "aarch64" : "x86_64",
    open(libraries, table) {
      const definitions: Record<string, Definition> = {};
      for (const name in table) definitions[name] = define(table[name] as Signature);
      const raw = openFirst(deno, { libraries, table: definitions });
      const bound: Record<string, Callable> = {};
      for (const name in raw) bound[name] = exact(raw[name] as Raw, table[name] as Signature);
      return bound as { readonly [Name in keyof typeof table]: Callable };
    },
    callable(address, signature) {
      const pointer = deno.UnsafePointer.create(BigInt(address));
      const native = new deno.UnsafeFnPointer(pointer, define(signature));
      return exact((...words) => native.call(...words), signature);
    },
    view: (address, length) =>
      deno.UnsafePointerView.getArrayBuffer(deno.UnsafePointer.create(BigInt(address)), length),
    share(length) {
      const shared = new SharedArrayBuffer(length);
      const { of, value } = deno.UnsafePointer;
      return { shared, address: Number(value(of(new Uint8Array(shared)))) };
    },
    program: (script) => [deno.execPath(), "run", "-A", script],
    onSignal(name, listener) {
      deno.addSignalListener(name, listener);
      return () => deno.removeSignalListener(name, listener);
    },
    readPipe(path) {
      const fs = globalThis.process.getBuiltinModule("node:fs") as unknown as NodeFs;
      const source = fs.createReadStream(path);
      const iterator = source[Symbol.asyncIterator]();
      return { read: () => iterator.next(), cancel: () => source.destroy() };
    },
    keepAlive,
  };
}
