/** Who a named user is, by the container's own passwd and group: read, never run through the host's name services. */
import type { ResolvedUser } from "../plan/host.ts";
import { readFileInRoot } from "../../ffi/linux/file.ts";
import { isOpaque, isWhiteout } from "../../ffi/linux/overlay.ts";

/** What a user database may be at most: a layer's file is untrusted (security case C6). */
const DATABASE_BYTES_MAX = 1 << 20;

/** Where a user database is looked for: a directory, or the texts of one that is not unpacked yet. */
export type UserRoot = string | {
  readonly passwd?: string;
  readonly group?: string;
  /** Names that it hides of the roots below. */
  readonly hides: readonly ("passwd" | "group")[];
};

/** passwd or group of the first root that has it; `undefined` when it is nothing that could be read. */
function readDatabase(
  roots: readonly UserRoot[],
  name: "passwd" | "group",
): readonly string[][] | undefined {
  for (const root of roots) {
    const text = typeof root === "string"
      ? readFileInRoot(root, `etc/${name}`, DATABASE_BYTES_MAX)
      : root[name];
    // Neither is the one below it taken, nor the user without the groups.
    if (text === false) return undefined;
    if (text !== undefined) return text.split("\n").map((line) => line.split(":"));
    if (typeof root === "string" ? isHidden(root, name) : root.hides.includes(name)) break;
  }
  return [];
}

/** A layer of an image may say that what is below it is gone: overlayfs would show nothing, so nothing is read. */
function isHidden(root: string, name: string): boolean {
  return isWhiteout(`${root}/etc/${name}`) || isWhiteout(`${root}/etc`) || isOpaque(`${root}/etc`);
}

/** A user as a spec names it: numbers or names. */
export interface WantedUser {
  readonly user: number | string;
  readonly group?: number | string;
}

const ID = /^(0|[1-9][0-9]{0,9})$/;
const ID_MAX = 0xfffffffe;

/** A decimal id below 2^32-1; anything else is no id. */
function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !ID.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** `roots`: directories whose etc is asked, first one first. `undefined` when the files do not say. */
export function lookUpUser(
  wanted: WantedUser,
  roots: readonly UserRoot[],
): ResolvedUser | undefined {
  const passwd = readDatabase(roots, "passwd");
  const groups = readDatabase(roots, "group");
  if (passwd === undefined || groups === undefined) return undefined;
  const row = passwd.find((fields) =>
    typeof wanted.user === "string" ? fields[0] === wanted.user : parseId(fields[2]) === wanted.user
  );
  const uid = typeof wanted.user === "number" ? wanted.user : parseId(row?.[2]);
  const gid = groupId(wanted, row, groups);
  if (uid === undefined || gid === undefined) return undefined;
  const name = row?.[0];
  const supplementary = wanted.group !== undefined || name === undefined ? [] : groups
    .filter((fields) => (fields[3] ?? "").split(",").includes(name))
    .flatMap((fields) => parseId(fields[2]) ?? []);
  return { uid, gid, groups: supplementary, home: row?.[5] || "/" };
}

function groupId(
  wanted: WantedUser,
  row: readonly string[] | undefined,
  groups: readonly string[][],
): number | undefined {
  if (typeof wanted.group === "number") return wanted.group;
  if (wanted.group === undefined) return parseId(row?.[3]);
  return parseId(groups.find((fields) => fields[0] === wanted.group)?.[2]);
}
