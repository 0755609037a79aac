/** Two trees of the host, compared to the byte. */
import { lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from "node:fs";
import { closeSync } from "node:fs";

/** One difference between two files of the same path. */
export interface Difference {
  /** Below what is compared; empty for itself. */
  readonly path: string;
  readonly what: "missing" | "kind" | "mode" | "size" | "content" | "target";
  /** In either; `none` where it is not there. */
  readonly values: readonly [string, string];
  /** Of the first byte that differs, from 0; its line, from 1. Only of contents. */
  readonly offset?: number;
  readonly line?: number;
}

/** More are not looked for. */
const DIFFERENCES_MAX = 100;

/** In the order of the paths; at most 100. */
export function differencesOf(one: string, other: string): readonly Difference[] {
  const found: Difference[] = [];
  compare([one, other], "", found);
  return found;
}

type Both<Value> = readonly [Value, Value];

function both<From, To>([one, other]: Both<From>, map: (value: From) => To): Both<To> {
  return [map(one), map(other)];
}

function compare(paths: Both<string>, path: string, found: Difference[]): void {
  if (found.length >= DIFFERENCES_MAX) return;
  const stats = both(paths, (each) => lstatSync(each));
  const kinds = both(stats, kindOf);
  if (kinds[0] !== kinds[1]) {
    found.push({ path, what: "kind", values: kinds });
    return;
  }
  const modes = both(stats, ({ mode }) => (mode & 0o7777).toString(8).padStart(4, "0"));
  if (modes[0] !== modes[1]) found.push({ path, what: "mode", values: modes });
  if (kinds[0] === "directory") compareDirectories(paths, path, found);
  else if (kinds[0] === "link") {
    const targets = both(paths, (each) => readlinkSync(each));
    if (targets[0] !== targets[1]) found.push({ path, what: "target", values: targets });
  } else if (kinds[0] === "file") {
    const difference = compareFiles(paths, both(stats, ({ size }) => size));
    if (difference !== undefined) found.push({ path, ...difference });
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "link";
  return stats.isFile() ? "file" : "fifo";
}

function compareDirectories(paths: Both<string>, path: string, found: Difference[]): void {
  const names = both(paths, (each) => new Set(readdirSync(each)));
  for (const name of [...new Set([...names[0], ...names[1]])].sort()) {
    const below = path === "" ? name : `${path}/${name}`;
    if (names[0].has(name) && names[1].has(name)) {
      compare(both(paths, (each) => `${each}/${name}`), below, found);
    } else {
      const values = both(names, (each) => each.has(name) ? "there" : "none");
      found.push({ path: below, what: "missing", values });
    }
  }
}

const CHUNK_BYTES = 1 << 16;
/** Bytes of each side that are shown. */
const SHOWN_BYTES = 24;

function compareFiles(
  paths: Both<string>,
  sizes: Both<number>,
): Omit<Difference, "path"> | undefined {
  const fds = both(paths, (each) => openSync(each, "r"));
  const buffers = both(paths, () => new Uint8Array(CHUNK_BYTES));
  try {
    let line = 1;
    for (let at = 0;;) {
      const counts: Both<number> = [
        readSync(fds[0], buffers[0], 0, CHUNK_BYTES, at),
        readSync(fds[1], buffers[1], 0, CHUNK_BYTES, at),
      ];
      const count = Math.min(...counts);
      for (let index = 0; index < count; index++) {
        if (buffers[0][index] !== buffers[1][index]) {
          const offset = at + index;
          const values = both(fds, (fd) => textAt(fd, offset));
          return { what: "content", values, offset, line };
        }
        if (buffers[0][index] === 10) line++;
      }
      at += count;
      if (count > 0) continue;
      if (sizes[0] === sizes[1]) return undefined;
      return { what: "size", values: both(sizes, String), offset: at, line };
    }
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** As text where it is one, else in hexadecimal. */
function textAt(fd: number, offset: number): string {
  const bytes = new Uint8Array(SHOWN_BYTES);
  const part = bytes.subarray(0, readSync(fd, bytes, 0, SHOWN_BYTES, offset));
  const end = part.indexOf(10);
  const shown = end < 1 ? part : part.subarray(0, end);
  if (shown.every((byte) => byte >= 32 && byte < 127)) {
    return JSON.stringify(new TextDecoder().decode(shown));
  }
  return [...part.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
