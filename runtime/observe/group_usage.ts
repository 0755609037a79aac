/** What containers use, as one short line each: read from the groups that were made for them, a file per column. Changes nothing. */
import { entryKind } from "../../ffi/linux/file.ts";
import { textsOfEach } from "../../ffi/linux/many.ts";

/** Where the groups of a container are: in each of these directories, under this name. */
export interface Groups {
  readonly above: readonly string[];
  readonly name: string;
}

type Column = (number | undefined)[];

/** A value per container; `undefined` where no group of it counts that. */
export interface GroupUsages {
  /** User and system time since its start. */
  readonly cpuMicroseconds: Readonly<Column>;
  readonly memoryBytes: Readonly<Column>;
}

const MEMORY_FILES = ["memory.current", "memory.usage_in_bytes"];
const CPU_FILES = ["cpuacct.usage", "cpu.stat"];

/** What the containers with these groups use. */
export function readGroupUsages(all: readonly Groups[]): GroupUsages {
  const cpuMicroseconds: Column = new Array(all.length);
  const memoryBytes: Column = new Array(all.length);
  for (const [directory, members] of membersOf(all)) {
    const fill = (column: Column, files: readonly string[], valueOf: typeof numberOf): void => {
      // What counts for a group counts for the one above it.
      const file = files.find((one) => entryKind(`${directory}/${one}`) !== undefined);
      if (file === undefined) return;
      const open = members.filter((index) => column[index] === undefined);
      const names = open.map((index) => all[index]?.name ?? "");
      const texts = textsOfEach({ directory, names, file });
      for (let at = 0; at < open.length; at++) column[open[at] as number] = valueOf(texts[at]);
    };
    fill(cpuMicroseconds, CPU_FILES, cpuOf);
    fill(memoryBytes, MEMORY_FILES, numberOf);
  }
  return { cpuMicroseconds, memoryBytes };
}

/** Directory → which of them have a group in it. */
function membersOf(all: readonly Groups[]): ReadonlyMap<string, readonly number[]> {
  const members = new Map<string, number[]>();
  for (let index = 0; index < all.length; index++) {
    for (const directory of all[index]?.above ?? []) {
      const list = members.get(directory);
      if (list === undefined) members.set(directory, [index]);
      else list.push(index);
    }
  }
  return members;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\n$/.test(text) ? undefined : Number(text);
}

/** `usage_usec 5` in cpu.stat of v2; cpuacct.usage of v1 is nanoseconds. The cpu.stat of v1 has no times. */
function cpuOf(text: string | undefined): number | undefined {
  const nanoseconds = numberOf(text);
  if (nanoseconds !== undefined) return nanoseconds / 1000;
  const microseconds = /^usage_usec (\d+)/m.exec(text ?? "")?.[1];
  return microseconds === undefined ? undefined : Number(microseconds);
}
