/** The files of an image: below a directory, or in an archive. None is looked for outside. */
import { createHash } from "node:crypto";
import { O_CLOEXEC, O_DIRECTORY, O_NONBLOCK, O_PATH, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../../ffi/abi/openat2.ts";
import { pread64 } from "../../../ffi/calls/io.ts";
import { openat, openat2 } from "../../../ffi/calls/open.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { entryKind, fileVersion } from "../../../ffi/linux/file.ts";
import { callSync, check, readCell } from "../../../ffi/linux/run.ts";
import { ImageError } from "../error.ts";
import { byteTextOf } from "../names.ts";
import { compressionOf, type Range, rangeSource } from "../source.ts";
import { readTar } from "../tar/read.ts";
import { createWindow } from "../tar/window.ts";
import { archiveMemory, limitsOf, openArchive } from "../unpack.ts";
import { invalid } from "./documents.ts";

export interface ImageFiles extends Disposable {
  /** `undefined`: there is no such file. The descriptor is open as long as these files are. */
  readonly find: (path: string) => Range | undefined;
  /** What decides which image this is: a change of it is another image. */
  readonly watched: Readonly<Record<string, string>>;
}

/** @throws ImageError when nothing is there. */
export async function openFiles(path: string): Promise<ImageFiles> {
  const kind = entryKind(path);
  if (kind === undefined) {
    throw new ImageError("IMAGE_NOT_FOUND", `there is no image at ${path}`);
  }
  const isDirectory = kind === "directory" ||
    (kind === "symlink" && entryKind(`${path}/.`) === "directory");
  return isDirectory ? directoryFiles(path) : await archiveFiles(path);
}

function directoryFiles(path: string): ImageFiles {
  const root = Fd.open(openat({ pathname: path, flags: O_PATH | O_DIRECTORY | O_CLOEXEC }));
  const opened: Fd[] = [];
  const index = `${path}/index.json`;
  const identity = fileVersion(index);
  return {
    watched: identity === undefined ? {} : { [index]: identity.text },
    find(name) {
      const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
      const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
      const call = openat2({ dirfd: root.number, pathname: name, flags, resolve });
      const number = Number(callSync(call));
      if (number < 0) return undefined;
      const fd = new Fd(number);
      opened.push(fd);
      const found = fileVersion({ fd: number });
      return found?.isFile === true ? { fd: number, offset: 0, size: found.size } : undefined;
    },
    [Symbol.dispose]() {
      for (const fd of [...opened, root]) fd[Symbol.dispose]();
    },
  };
}

/** How many links in a row are followed: `docker save` wrote a layer that it had twice as one. */
const LINKS_MAX = 8;

async function archiveFiles(path: string): Promise<ImageFiles> {
  const archive = openArchive(path);
  try {
    const { files, links } = await indexArchive(archive);
    return {
      watched: { [path]: archive.identity },
      find(name) {
        let key = byteTextOf(name);
        for (let step = 0; step < LINKS_MAX; step++) {
          const found = files.get(key);
          if (found !== undefined) return found;
          const link = links.get(key);
          if (link === undefined) return undefined;
          key = link;
        }
        return undefined;
      },
      [Symbol.dispose]: () => archive[Symbol.dispose](),
    };
  } catch (error) {
    archive[Symbol.dispose]();
    throw error;
  }
}

interface ArchiveIndex {
  readonly files: ReadonlyMap<string, Range>;
  /** Path → path in the archive. */
  readonly links: ReadonlyMap<string, string>;
}

/** Where each file of an archive lies in it. */
async function indexArchive(
  archive: Range & { readonly name: string },
): Promise<ArchiveIndex> {
  using memory = archiveMemory(0);
  const { piece } = memory;
  const { fd, size } = archive;
  const first = await rangeSource({ fd, offset: 0, size: Math.min(4, size) }).read(piece, 0, 4);
  if (compressionOf(piece.bytes.subarray(0, first)) !== "none") {
    throw new ImageError(
      "IMAGE_INVALID",
      `${archive.name} is compressed: an image's archive is read in parts, which needs a plain one`,
      { fix: "decompress it: gunzip, or unzstd" },
    );
  }
  const files = new Map<string, Range>();
  const links = new Map<string, string>();
  const window = createWindow(piece);
  let current: string | undefined;
  await readTar({ window, source: rangeSource(archive) }, {
    begin(entry) {
      current = entry.type === "file" && !entry.sparse ? entry.path : undefined;
      if (entry.type === "file") files.set(entry.path, { fd, offset: 0, size: 0 });
      if (entry.type === "link") links.set(entry.path, entry.link);
      if (entry.type === "symlink") {
        const target = beside(entry.path, entry.link);
        if (target !== undefined) links.set(entry.path, target);
      }
      if (current !== undefined) files.set(entry.path, { fd, offset: -1, size: entry.size });
    },
    data(start, _end, offset) {
      if (current === undefined || offset !== 0) return;
      const { size } = files.get(current) ?? { size: 0 };
      files.set(current, { fd, offset: window.base + start, size });
    },
    end() {},
  }, limitsOf(size));
  return { files, links };
}

/** Target of a link, from the archive's root; `undefined` when it leads out. */
function beside(path: string, target: string): string | undefined {
  if (target.startsWith("/")) return undefined;
  const parts = path.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

const CHUNK = { cell: "image document", size: 65_536 } as const;

/** A file as a whole. @throws ImageError when it is not there, or too long to be what it should be. */
export function readWhole(files: ImageFiles, path: string, max: number): Uint8Array {
  const found = files.find(path);
  if (found === undefined) throw invalid(`it has no ${path}`);
  if (found.size > max) throw invalid(`${path} has ${found.size} bytes, and ${max} are the most`);
  const bytes = new Uint8Array(found.size);
  for (let at = 0; at < bytes.length;) {
    const count = Math.min(CHUNK.size, bytes.length - at);
    const got = check(pread64({ fd: found.fd, buf: CHUNK, count, offset: found.offset + at }));
    if (got === 0) throw invalid(`${path} became shorter while it was read`);
    bytes.set(readCell(CHUNK).subarray(0, got), at);
    at += got;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
