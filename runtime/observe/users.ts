/** Who a named user is, by the container's own passwd and group: read, never run through the host's name services. */
import type { DesiredRootfs, DesiredUser } from "../../spec/model/desired.ts";
import type { ResolvedUser } from "../plan/host.ts";
import { readFileInRoot } from "../../ffi/linux/file.ts";

/** What a user database may be at most: a layer's file is untrusted (security case C6). */
const DATABASE_BYTES_MAX = 1 << 20;

/** passwd and group of the topmost layer that has them. */
function readDatabase(rootfs: DesiredRootfs, name: "passwd" | "group"): readonly string[][] {
  for (const root of rootsOf(rootfs)) {
    const text = readFileInRoot(root, `etc/${name}`, DATABASE_BYTES_MAX);
    if (text !== undefined) return text.split("\n").map((line) => line.split(":"));
  }
  return [];
}

/** Directories of the host that make up the container's /etc, topmost first. */
function rootsOf(rootfs: DesiredRootfs): readonly string[] {
  if (rootfs.path !== undefined) return [rootfs.path];
  return rootfs.layers.filter((layer) => layer.at === "/")
    .map((layer) => layer.kind === "dir" ? layer.dir : "/")
    .reverse();
}

const ID = /^(0|[1-9][0-9]{0,9})$/;
const ID_MAX = 0xfffffffe;

/** A decimal id below 2^32-1; anything else is no id. */
function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !ID.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** `undefined` when the files do not say; `key` is how the subjects ask for it. */
export function lookUpUser(
  wanted: DesiredUser,
  rootfs: DesiredRootfs,
): { key: string; user: ResolvedUser } | undefined {
  const passwd = readDatabase(rootfs, "passwd");
  const groups = readDatabase(rootfs, "group");
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
  return {
    key: wanted.group === undefined ? `${wanted.user}` : `${wanted.user}:${wanted.group}`,
    user: { uid, gid, groups: supplementary, home: row?.[5] || "/" },
  };
}

function groupId(
  wanted: DesiredUser,
  row: readonly string[] | undefined,
  groups: readonly string[][],
): number | undefined {
  if (typeof wanted.group === "number") return wanted.group;
  if (wanted.group === undefined) return parseId(row?.[3]);
  return parseId(groups.find((fields) => fields[0] === wanted.group)?.[2]);
}
