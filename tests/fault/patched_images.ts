/**
 * Runs the command line in this process, with one record of one of its programs changed: what is written into a memfd is changed before
 * it is sealed. Nothing of the product knows of it.
 *
 * As a program: `patched_images.ts IMAGE RECORD NUMBER WORDS…` runs the command line WORDS so.
 */
import {
  closeSync,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import process from "node:process";
import { F_ADD_SEALS } from "../../ffi/abi/fcntl.ts";
import { kernel, numberOf } from "../../ffi/linux/libc.ts";
import { decode } from "../../ffi/stage/decode.ts";
import * as layout from "../../ffi/stage/layout.ts";
import { main } from "../../runtime/cli/main.ts";

/** Which record of which image gets which number of a system call. */
export interface Patch {
  /** Counted from 0, of the programs that the command starts. */
  readonly image: number;
  readonly record: number;
  readonly number: number;
}

/** A program that the command started. */
export interface SealedImage {
  /** Indices of its records that are system calls, and their numbers. */
  readonly calls: ReadonlyMap<number, number>;
  /** The last record by which a process asks to be killed with its parent. */
  readonly lastTether: number;
}

export interface PatchedRun {
  readonly code: number;
  readonly output: string;
  readonly images: readonly SealedImage[];
}

/** The file behind a descriptor; `undefined`: it is no stage's whole image. */
function imageOf(fd: number): Uint8Array | undefined {
  if (!readlinkSync(`/proc/self/fd/${fd}`).startsWith("/memfd:containerv (")) return undefined;
  const file = openSync(`/proc/self/fd/${fd}`, "r");
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    readSync(file, bytes, 0, bytes.length, 0);
    return isWhole(bytes) ? bytes : undefined;
  } finally {
    closeSync(file);
  }
}

function recordOffset(image: Uint8Array, record: number): number {
  const view = new DataView(image.buffer);
  const records = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORDS_ADDRESS, true);
  return records - layout.DATA_BASE + record * layout.RECORD_SIZE;
}

/** The shell that is executed has no records but the loader's. */
const isWhole = (image: Uint8Array): boolean =>
  image[recordOffset(image, layout.LOADER_RECORDS)] !== 0;

function callsOf(image: Uint8Array): ReadonlyMap<number, number> {
  return new Map(
    decode(image).records.flatMap(({ kind, number }, index) =>
      kind === "syscall" && index >= layout.LOADER_RECORDS ? [[index, number] as const] : []
    ),
  );
}

/** prctl(PR_SET_PDEATHSIG, SIGKILL). */
function lastTetherOf(image: Uint8Array): number {
  const prctl = numberOf("prctl");
  return decode(image).records.findLastIndex(({ kind, number, words }) =>
    kind === "syscall" && number === prctl && words[0] === 1n && words[1] === 9n
  );
}

function change(fd: number, image: Uint8Array, { record, number }: Patch): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number, true);
  const file = openSync(`/proc/self/fd/${fd}`, "r+");
  writeSync(file, bytes, 0, 4, recordOffset(image, record) + layout.RECORD_NUMBER);
  closeSync(file);
}

/** Runs the words of a command line; what it prints is given, not shown. */
export async function runPatched(words: readonly string[], patch?: Patch): Promise<PatchedRun> {
  const libc = kernel() as { call: ReturnType<typeof kernel>["call"] };
  const { call } = libc;
  const { seam } = kernel();
  const [fcntl, write] = [numberOf("fcntl"), numberOf("write")];
  const images: SealedImage[] = [];
  const seen = new Set<string>();
  let output = "";
  libc.call = (number, given) => {
    const [fd, second, third] = given.map(Number);
    if (number === fcntl && second === F_ADD_SEALS && fd !== undefined) {
      const image = imageOf(fd);
      const key = `${fd} ${statSync(`/proc/self/fd/${fd}`).ino}`;
      if (image !== undefined && !seen.has(key)) {
        seen.add(key);
        if (patch?.image === images.length) change(fd, image, patch);
        images.push({ calls: callsOf(image), lastTether: lastTetherOf(image) });
      }
    } else if (number === write && (fd === 1 || fd === 2)) {
      output += new TextDecoder().decode(
        new Uint8Array(seam.view(second ?? 0, third ?? 0)).slice(),
      );
      return third ?? 0;
    }
    return call(number, given);
  };
  try {
    return { code: await main(words), output, images };
  } finally {
    libc.call = call;
  }
}

if (import.meta.main) {
  const [image, record, number, ...words] = process.argv.slice(2);
  const patch = { image: Number(image), record: Number(record), number: Number(number) };
  const { code, output } = await runPatched(words, patch);
  console.log(output);
  process.exit(code);
}
