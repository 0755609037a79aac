/** What a plan must know of an archive that is not unpacked: read to its end and checked, nothing written. */
import type { Archive, ArchiveMemory, Digests, Expected } from "./unpack.ts";
import { archiveMemory, compareDigests, readArchive } from "./unpack.ts";
import type { TarSink } from "./tar/read.ts";
import { readWhiteout } from "./unpack/whiteout.ts";

/** What is kept of a user database at most. */
const DATABASE_BYTES_MAX = 1 << 20;

export interface Survey {
  /** Names in the root directory. */
  readonly names: readonly string[];
  /** Text of etc/passwd and etc/group. */
  readonly passwd?: string;
  readonly group?: string;
  /** Those of the two that are hidden of layers below. */
  readonly hides: readonly ("passwd" | "group")[];
}

interface Found {
  readonly names: Set<string>;
  readonly texts: Map<string, string>;
  readonly hides: Set<"passwd" | "group">;
}

/** @throws ImageError when the archive is not good, or has another digest. */
export async function surveyArchive(
  archive: Archive,
  expected: Expected = {},
): Promise<Digests & Survey> {
  const found: Found = { names: new Set(), texts: new Map(), hides: new Set() };
  using memory = archiveMemory(archive.size);
  const digests = await readArchive(archive, surveySink(found, memory), { memory });
  compareDigests(archive.name, digests, expected);
  const passwd = found.texts.get("passwd");
  const group = found.texts.get("group");
  return {
    ...digests,
    names: [...found.names],
    hides: [...found.hides],
    ...(passwd === undefined ? {} : { passwd }),
    ...(group === undefined ? {} : { group }),
  };
}

const DATABASES: Readonly<Record<string, "passwd" | "group">> = {
  "etc/passwd": "passwd",
  "etc/group": "group",
};

function surveySink({ names, texts, hides }: Found, { piece }: ArchiveMemory): TarSink {
  let name: "passwd" | "group" | undefined;
  let bytes = new Uint8Array(0);
  return {
    begin(entry) {
      const whiteout = readWhiteout(entry);
      if (whiteout !== undefined) {
        const path = whiteout.kind === "skip" ? undefined : whiteout.path;
        for (const one of ["passwd", "group"] as const) {
          if (path === "etc" || path === "" || path === `etc/${one}`) hides.add(one);
        }
        return;
      }
      const [first = ""] = entry.path.split("/");
      if (first !== "") names.add(first);
      const database = entry.type === "file" ? DATABASES[entry.path] : undefined;
      name = entry.size <= DATABASE_BYTES_MAX ? database : undefined;
      if (name !== undefined) bytes = new Uint8Array(entry.size);
    },
    data(start, end, offset) {
      if (name !== undefined) bytes.set(piece.bytes.subarray(start, end), offset);
    },
    end() {
      if (name !== undefined) texts.set(name, new TextDecoder().decode(bytes));
      name = undefined;
    },
  };
}
