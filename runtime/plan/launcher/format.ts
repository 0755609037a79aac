/**
 * What the launcher reads: a launch file holds a command line that was run before, everything that must still be as it was, and the image that it
 * gave. JavaScript writes it (encode.ts, runtime/lifecycle/launch.ts), the launcher's program reads it; one file for each command line, named by its hash.
 *
 *     0 `cvlaunc1`   8 u64 build   16 u32 bytes of all   20 u32 1: how it ended is said
 *     24 u32 where the words of the command line stand, without the program's name, each with a NUL   28 u32 their bytes
 *     32 u32 where the checks stand   36 u32 how many
 *     40 u32 where the image stands   44 u32 its bytes
 *     48 u32 pid of the process whose pidfd is passed   52 u32 1: standard input goes along
 *     56 the grace time, a struct itimerspec of 32 bytes
 *     88 three pairs of u32: parts of the image that make its shell, place in it and bytes
 *     112 u32 where the text stands that is said behind the milliseconds   116 u32 its bytes
 *     at the very end: the build once more, for a machine that lost its power may have kept the beginning alone
 *
 * A check, 16 bytes: 0 u32 kind   4 u32 where its path stands, with a NUL   8 u32 where the text stands that is expected   12 u32 its bytes.
 * Places count from the file's first byte; each text begins at a multiple of 8 and is filled up to one with zeros.
 */
export const LAUNCH_MAGIC = "cvlaunc1";

export const LAUNCH = {
  magic: 0,
  build: 8,
  bytes: 16,
  says: 20,
  words: 24,
  wordBytes: 28,
  checks: 32,
  checkCount: 36,
  image: 40,
  imageBytes: 44,
  pid: 48,
  input: 52,
  grace: 56,
  shell: 88,
  line: 112,
  lineBytes: 116,
} as const;
export const LAUNCH_HEADER_BYTES = 120;
/** A command line has fewer words, with the program's name: they are handed on when it did not end plainly. */
export const WORDS_MAX = 1000;
/** Parts that a shell is made of. */
export const SHELL_PARTS = 3;
/** A longer file is none. */
export const LAUNCH_BYTES_MAX: number = 512 * 1024;

export const CHECK = { kind: 0, path: 4, expected: 8, bytes: 12 } as const;
export const CHECK_BYTES = 16;

/**
 * `file`: the file's whole text. `part`: the text stands in the file, of at least 8 bytes; `more`: it stands behind that, in the file that was
 * read last (it has no path). `link`: a link's target. `ticks`: the file is a /proc/PID/stat, and field 22 is this, with the space behind it.
 * `status`: which file it is and when it last changed, the words of struct statx at `STAMP_WORDS`. `variable`: the path is `NAME=`, the text its
 * value with a NUL. `unset`: the path is `NAME=`, and there is none.
 */
export const CHECK_KIND = {
  file: 1,
  part: 2,
  more: 3,
  link: 4,
  ticks: 5,
  status: 6,
  variable: 7,
  unset: 8,
} as const;
export type CheckKind = keyof typeof CHECK_KIND;

/** A file that is as long is not compared: it might have been cut. */
export const CHECKED_BYTES_MAX: number = 64 * 1024;

/** Where launch files of commands in containers lie: they go with the containers, and may hold what nobody wants on a disk. Only root has any. */
export const EXEC_LAUNCHES = "/run/containerv/.launch";
/** Those of runs lie beside what else is remembered of runs: below XDG_CACHE_HOME, else root's cache. */
export const LAUNCH_PLACE = "/containerv/launch";
export const ROOT_CACHE = "/var/cache";

const MASK = 0xffffffffffffffffn;
const encoder = new TextEncoder();

/** The words as the kernel hands them to a program: each with its NUL. */
export function commandText(words: readonly string[]): Uint8Array {
  return encoder.encode(words.map((word) => `${word}\0`).join(""));
}

/** Name of the file for a command line: djb2 of 64 bits, which takes sums only. Proves nothing. */
export function launchName(text: Uint8Array): string {
  let hash = LAUNCH_HASH_FIRST;
  for (const byte of text) hash = (hash * 33n + BigInt(byte)) & MASK;
  return hash.toString(16).padStart(16, "0");
}
export const LAUNCH_HASH_FIRST = 5381n;

/**
 * What the launcher hands to the runtime when a command did not end plainly: when it began, by CLOCK_MONOTONIC, a struct timespec of 16 bytes; then
 * what its stage and its container reported, each with a u64 in front, 0 container, 1 stage.
 */
export const REPORTED_FD = 9;
export const REPORTED_BEGUN_BYTES = 16;
export const REPORTED_PREFIX = 8;
/** The role of this program that takes it. */
export const REPORTED_ROLE = "launched";

/** What is said of a run that ended well begins so; milliseconds follow, then the text of the launch file. */
export const LINE_START = "✔ exit 0 · ";
/** A longer text is not said by the launcher. */
export const LINE_BYTES_MAX = 1000;
