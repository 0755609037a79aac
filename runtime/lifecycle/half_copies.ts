/**
 * Copies to the host, and scratch directories, that may be cut off by a kill -9: noted before the first byte, so that `gc` finds what is
 * left of one beside its place, and nothing else. The notes lie where what outlives a reboot is, as the copies do.
 */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_REMOVEDIR, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory, removeTree } from "../../ffi/linux/directory.ts";
import { namesIn, reopen } from "../../ffi/linux/entries.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import {
  fileIdentity,
  getuid,
  makePrivateDirectory,
  readFile,
  readLink,
  replaceFile,
} from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { bootId, isAlive, type ProcessIdentity } from "../state/identity.ts";
import { type Entry, temporaryPrefix } from "./copy_tree.ts";
import { dataDirectory } from "./data.ts";

/** What is written about a copy while it is made. */
interface Note {
  readonly boot: string;
  readonly process: ProcessIdentity;
  /** The directory that the copy is put in: its path, and which one it is. */
  readonly directory: string;
  readonly identity: string;
  /** The copy's own name there. */
  readonly name: string;
  /** How the names of everything begin that is not finished. */
  readonly prefix: string;
}

const notesOf = (data: string): string => `${data}/copies`;
const ownNotes = (): string => notesOf(dataDirectory(process.env, getuid()));

/** How often the directory of notes may go with somebody's last one before ours is in it. */
const TRIES = 10;
let count = 0;

/** Makes a copy at `to` (a place of the host) that is noted meanwhile. A machine on which nothing can be noted has its copies too. */
export function noted<Result>(to: Entry, make: () => Result): Result {
  const path = writeNote(to);
  try {
    return make();
  } finally {
    if (path !== undefined) removeNote(path);
  }
}

/**
 * Runs `act` with the path of an empty directory of its own, in the place for temporary files; it is gone with all that is in it when
 * that is done, and noted meanwhile.
 */
export async function inScratch<Result>(act: (path: string) => Promise<Result>): Promise<Result> {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  using directory = Fd.open(openat({ pathname: tmpdir(), flags }));
  const { prefix } = temporaryPrefix();
  const note = writeNote({ directory, name: prefix });
  try {
    const path = mkdtempSync(join(tmpdir(), prefix));
    try {
      return await act(path);
    } finally {
      removeTree(path);
    }
  } finally {
    if (note !== undefined) removeNote(note);
  }
}

/** Its path; `undefined`: there is no place for it. */
function writeNote({ directory, name }: Entry): string | undefined {
  const { prefix, process: own } = temporaryPrefix();
  const note: Note = {
    boot: bootId(),
    process: own,
    directory: readLink(`/proc/self/fd/${directory.number}`) ?? "",
    identity: fileIdentity(directory.number) ?? "",
    name,
    prefix,
  };
  const notes = ownNotes();
  const path = `${notes}/${own.pid}-${own.startTicks}-${count++}.json`;
  for (let tries = 0; tries < TRIES; tries++) {
    if (makePrivateDirectory(notes) !== undefined) return undefined;
    if (replaceFile(path, JSON.stringify(note)) === undefined) return path;
  }
  return undefined;
}

function removeNote(path: string): void {
  callSync(unlinkat({ pathname: path, flags: 0 }));
  // With others in it, or ours above it, they stay: ENOTEMPTY.
  const notes = path.slice(0, path.lastIndexOf("/"));
  callSync(unlinkat({ pathname: notes, flags: AT_REMOVEDIR }));
  callSync(unlinkat({ pathname: notes.slice(0, notes.lastIndexOf("/")), flags: AT_REMOVEDIR }));
}

/** Removes what is left of copies whose process is gone. Gives a line for each; with `dryRun` nothing is changed. */
export function collectHalfCopies({ dryRun }: { readonly dryRun: boolean }): readonly string[] {
  const removed: string[] = [];
  const notes = ownNotes();
  for (const { name } of listDirectory(notes)) {
    const [, pid, startTicks] = /^(\d+)-(\d+)-\d+\.json(?:\.\d+)?$/.exec(name) ?? [];
    if (pid === undefined || startTicks === undefined) continue;
    const path = `${notes}/${name}`;
    const note = parse(readFile(path));
    const isOurBoot = note === undefined || note.boot === bootId();
    if (isOurBoot && isAlive({ pid: Number(pid), startTicks: Number(startTicks) })) continue;
    if (note !== undefined) {
      visitLeft(note, (directory, entry, at) => {
        if (!dryRun) removeEntry(directory, entry);
        removed.push(`${at}: it was not copied to its end`);
      });
    }
    if (!dryRun) removeNote(path);
  }
  return removed;
}

/** `undefined`: its writer did not come to its end, and had copied nothing. */
function parse(text: string | undefined): Note | undefined {
  try {
    const note = JSON.parse(text ?? "") as Partial<Note>;
    const fields = [note.boot, note.directory, note.identity, note.name, note.prefix];
    // A prefix that is none of ours would name files of others.
    const isWhole = fields.every((field) => typeof field === "string") &&
      /^\.containerv-\d+-\d+-$/.test(note.prefix ?? "");
    return isWhole ? note as Note : undefined;
  } catch {
    return undefined;
  }
}

/** Called with an open directory, the entry in it that was not finished, and its path. */
type Visit = (directory: Fd, name: string, path: string) => void;

function visitLeft({ directory, identity, name, prefix }: Note, visit: Visit): void {
  const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  using above = Fd.openIfThere(openat({ pathname: directory, flags }));
  // Another directory has its name by now, and what is in that is not ours.
  if (above === undefined || fileIdentity(above.number) !== identity) return;
  using readable = reopen(above);
  for (const entry of namesIn(readable)) {
    if (entry.startsWith(prefix)) visit(readable, entry, `${directory}/${entry}`);
  }
  visitBelow(readable, { name, path: `${directory}/${name}`, prefix }, visit);
}

function removeEntry(directory: Fd, name: string): void {
  const dirfd = directory.number;
  const result = Number(callSync(unlinkat({ dirfd, pathname: name, flags: 0 })));
  if (result < 0) removeTree(`/proc/self/fd/${dirfd}/${name}`);
}

/** A tree that was copied to its place has each unfinished file beside its own. */
function visitBelow(
  above: Fd,
  { name, path, prefix }: { readonly name: string; readonly path: string; readonly prefix: string },
  visit: Visit,
): void {
  const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const number = Number(callSync(openat({ dirfd: above.number, pathname: name, flags })));
  // A file, a link, or nothing.
  if (number < 0) return;
  using entry = new Fd(number);
  using directory = reopen(entry);
  for (const inner of namesIn(directory)) {
    if (inner.startsWith(prefix)) visit(directory, inner, `${path}/${inner}`);
    else visitBelow(directory, { name: inner, path: `${path}/${inner}`, prefix }, visit);
  }
}
