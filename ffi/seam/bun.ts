/** The seam on Bun. */
import { type Callable, keepAlive, type Seam, SeamError, type Signature } from "./host.ts";

interface Definition {
  readonly args: readonly "i64"[];
  readonly returns: "i32" | "i64_fast";
  readonly ptr?: number | bigint;
}

type Bound = { readonly symbols?: Readonly<Record<string, Callable>> } | Error;

/** What is used of bun:ffi. */
interface BunFfi {
  readonly dlopen: (library: string, table: Readonly<Record<string, Definition>>) => Bound;
  readonly linkSymbols: (table: Readonly<Record<string, Definition>>) => Bound;
  readonly ptr: (bytes: Uint8Array<SharedArrayBuffer>) => number;
  readonly toArrayBuffer: (address: number | bigint, offset: number, length: number) => ArrayBuffer;
}

interface BunProcess {
  readonly arch: string;
  readonly execPath: string;
  readonly getBuiltinModule: (name: string) => unknown;
  readonly on: (name: string, listener: () => void) => void;
  readonly off: (name: string, listener: () => void) => void;
}

interface BunGlobal {
  readonly Bun: {
    readonly FFI?: BunFfi;
    readonly main: string;
    readonly file: (path: string) => { readonly stream: () => ReadableStream<Uint8Array> };
  };
  readonly process: BunProcess;
}

// i64_fast: a number where it is exact, so that results need no conversion and no allocation (errno is read after it).
const define = (signature: Signature): Definition => ({
  // Not Array.from: its first use costs a cold Bun 0.3 ms.
  args: new Array<"i64">(signature.words).fill("i64"),
  returns: signature.returns === "i32" ? "i32" : "i64_fast",
});

function symbolsOf(bound: Bound): Readonly<Record<string, Callable>> {
  if (bound instanceof Error) throw bound;
  if (bound.symbols === undefined) throw new SeamError("this Bun gives no symbols");
  return bound.symbols;
}

function openFirst(
  ffi: BunFfi,
  wanted: {
    readonly libraries: readonly string[];
    readonly table: Readonly<Record<string, Definition>>;
  },
): Readonly<Record<string, Callable>> {
  const reasons: string[] = [];
  for (const library of wanted.libraries) {
    try {
      return symbolsOf(ffi.dlopen(library, wanted.table));
    } catch (error) {
      reasons.push(`${library}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new SeamError(`no C library can be opened: ${reasons.join("; ")}`);
}

/** Binds the seam to the running Bun. */
export function bunSeam(): Seam {
  const { Bun, process } = globalThis as unknown as BunGlobal;
  // The native half of bun:ffi. The module itself only adds conversions that are not used here and costs a start
  // another half millisecond; it is the way where a later Bun hides the native half.
  const ffi = Bun.FFI ?? process.getBuiltinModule("bun:ffi") as BunFfi;
  return {
    runtime: "bun",
    architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
    open(libraries, table) {
      const definitions: Record<string, Definition> = {};
      for (const name in table) definitions[name] = define(table[name] as Signature);
      return openFirst(ffi, { libraries, table: definitions }) as {
        readonly [Name in keyof typeof table]: Callable;
      };
    },
    callable(address, signature) {
      const definition = { ...define(signature), ptr: address };
      return symbolsOf(ffi.linkSymbols({ callable: definition }))["callable"] as Callable;
    },
    view: (address, length) => ffi.toArrayBuffer(address, 0, length),
    share(length) {
      const shared = new SharedArrayBuffer(length);
      return { shared, address: ffi.ptr(new Uint8Array(shared)) };
    },
    // What was compiled into one file has its scripts in a file system of its own.
    program: (script) =>
      Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, script],
    onSignal(name, listener) {
      process.on(name, listener);
      return () => process.off(name, listener);
    },
    readPipe(path) {
      const reader = Bun.file(path).stream().getReader();
      return { read: () => reader.read(), cancel: () => void reader.cancel() };
    },
    keepAlive,
  };
}
