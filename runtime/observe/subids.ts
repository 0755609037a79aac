/** Ids that are this user's to give: /etc/subuid, /etc/subgid, and the programs that may map them. Changes nothing. */
import { readdirSync, statSync } from "node:fs";
import { EACCES, ENOENT } from "../../ffi/abi/errno.ts";
import { F_OFD_GETLK, F_UNLCK, F_WRLCK, FLOCK, O_CLOEXEC, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { writeField } from "../../ffi/abi/struct.ts";
import { S_ISUID } from "../../ffi/abi/stat.ts";
import { close, fcntl, openat } from "../../ffi/calls/open.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { entryKind, readFile } from "../../ffi/linux/file.ts";
import { callSync, check, readCell } from "../../ffi/linux/run.ts";
import { readStruct } from "../../ffi/memory/layout.ts";
import type { Host, IdRange, IdSources } from "../plan/host.ts";

export type SubidFile = "/etc/subuid" | "/etc/subgid";

/** Directories that programs with rights are in, whatever PATH says. */
const BINARIES = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/run/wrappers/bin"];

/** Whose line root's containers take their ids from, first one first. `containers` is podman's name for the same. */
const ROOTS_OWNERS = ["containerv", "containers", "root"] as const;

/** Full path of newuidmap or newgidmap. */
export function findHelper(name: string): string | undefined {
  return BINARIES.map((directory) => `${directory}/${name}`)
    .find((path) => entryKind(path) === "file" || entryKind(path) === "symlink");
}

/** Where a helper has no rights of its own: the runner may not gain any (no_new_privs), or the file gives none. */
export function helperProblem(path: string): string | undefined {
  if (/^NoNewPrivs:\s*1/m.test(readFile("/proc/self/status") ?? "")) {
    return "this process may gain no rights (no_new_privs), so newuidmap has none";
  }
  // File capabilities do as well; they can't be seen without reading an attribute, so a file without them fails when it is run.
  return (statSync(path).mode & 0o111) === 0 ? `${path} can't be executed` : undefined;
}

export function isSetuid(path: string): boolean {
  return (statSync(path).mode & S_ISUID) !== 0;
}

/** Name of a user by /etc/passwd. */
export function nameOf(uid: number): string | undefined {
  return (readFile("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"))
    .find((fields) => fields[2] === `${uid}`)?.[0];
}

const NUMBER = /^[0-9]{1,10}$/;

/** `NAME:FIRST:COUNT` lines of subuid(5) in the name or the number of the user. */
export function rangesOf(
  user: { readonly name: string | undefined; readonly id?: number },
  text: string,
): readonly IdRange[] {
  return text.split("\n").map((line) => line.trim().split(":")).flatMap(
    ([owner, first = "", count = ""]) => {
      const theirs = owner !== "" && (owner === user.name || owner === `${user.id}`);
      if (!theirs || !NUMBER.test(first) || !NUMBER.test(count) || Number(count) === 0) return [];
      return [{ first: Number(first), count: Number(count) }];
    },
  );
}

function rangesIn(file: SubidFile, uid: number): readonly IdRange[] {
  return rangesOf({ name: nameOf(uid), id: uid }, readFile(file) ?? "");
}

/** The ids that a user namespace of this runner can have. */
export function observeIds(
  host: Host,
  wanted: { readonly slice: number; readonly claims: string },
): IdSources {
  return host.privileged ? rootsIds(wanted) : usersIds(host);
}

function usersIds({ uid }: Host): IdSources {
  const uids = rangesIn("/etc/subuid", uid);
  const gids = rangesIn("/etc/subgid", uid);
  const name = nameOf(uid) ?? `${uid}`;
  const newuidmap = findHelper("newuidmap");
  const newgidmap = findHelper("newgidmap");
  if (newuidmap === undefined || newgidmap === undefined) {
    const lacks = `there is no ${newuidmap === undefined ? "newuidmap" : "newgidmap"} here`;
    return { uids, gids, lacks, fix: "sudo apt-get install uidmap" };
  }
  const problem = helperProblem(newuidmap) ?? helperProblem(newgidmap);
  if (problem !== undefined) return { uids, gids, lacks: problem, fix: "run as root" };
  const helpers = { newuidmap, newgidmap };
  if (uids.length > 0 && gids.length > 0) return { uids, gids, helpers };
  const file = uids.length === 0 ? "/etc/subuid" : "/etc/subgid";
  return { uids, gids, helpers, lacks: `${file} has no line for ${name}`, fix: subidFix(name) };
}

/** The command that gives a user ids. */
export function subidFix(name: string): string {
  return `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${name}`;
}

function rootsIds(
  { slice, claims }: { readonly slice: number; readonly claims: string },
): IdSources {
  const none = { uids: [], gids: [] };
  const [uidText, gidText] = [readFile("/etc/subuid") ?? "", readFile("/etc/subgid") ?? ""];
  const owner = ROOTS_OWNERS.find((name) =>
    rangesOf({ name }, uidText).length > 0 && rangesOf({ name }, gidText).length > 0
  );
  const fix =
    "echo containerv:1879048192:67108864 | sudo tee -a /etc/subuid /etc/subgid, or userns: host";
  if (owner === undefined) {
    const lacks = `/etc/subuid and /etc/subgid have no line for ${ROOTS_OWNERS.join(", ")}`;
    return { ...none, lacks, fix };
  }
  const gids = rangesOf({ name: owner }, gidText);
  // The same numbers for users and groups: one lock stands for both.
  const candidates = rangesOf({ name: owner }, uidText).flatMap(({ first, count }) =>
    Array.from({ length: Math.floor(count / slice) }, (_, index) => first + index * slice)
  ).filter((first) =>
    gids.some((range) => first >= range.first && first + slice <= range.first + range.count)
  );
  if (candidates.length === 0) {
    const lacks =
      `the lines for ${owner} in /etc/subuid and /etc/subgid have no ${slice} ids in common`;
    return { ...none, lacks, fix };
  }
  const range = firstFree(candidates, { claims, slice });
  if (range !== undefined) return { ...none, range };
  const lacks = `all ${candidates.length} ranges of ${slice} ids for ${owner} are in use`;
  return { ...none, lacks, fix };
}

/** Ids outside of every user namespace that a process is in: a container that outlives its stage has no lock. */
function idsInUse(): readonly IdRange[] {
  const texts = new Set(
    readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => mapOf(pid)),
  );
  return [...texts].flatMap((text) => text.trim().split("\n")).flatMap((line) => {
    const [inside = 0, first = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    // The first namespace has all ids and is nobody's container.
    return count === 0 || (inside === 0 && first === 0) ? [] : [{ first, count }];
  });
}

function mapOf(pid: string): string {
  try {
    return readFile(`/proc/${pid}/uid_map`, { once: true }) ?? "";
  } catch (error) {
    // It ended meanwhile.
    if (error instanceof SyscallError) return "";
    throw error;
  }
}

const LOCK = { cell: "id range lock", size: FLOCK.size } as const;

/** The first range whose byte nobody has locked. It is taken by the stage: until then another may be faster. */
function firstFree(
  all: readonly number[],
  { claims, slice }: { readonly claims: string; readonly slice: number },
): number | undefined {
  const used = idsInUse();
  const candidates = all.filter((first) =>
    !used.some((range) => first < range.first + range.count && range.first < first + slice)
  );
  const call = openat({ pathname: claims, flags: O_RDWR | O_CLOEXEC });
  const fd = Number(callSync(call));
  if (fd === -ENOENT || fd === -EACCES) return candidates[0];
  if (fd < 0) throw new SyscallError(call, -fd);
  try {
    return candidates.find((first) => {
      const bytes = readCell(LOCK);
      bytes.fill(0);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      writeField(view, FLOCK.fields.l_type, { value: F_WRLCK });
      writeField(view, FLOCK.fields.l_start, { value: first });
      writeField(view, FLOCK.fields.l_len, { value: 1 });
      check(fcntl({ fd, cmd: F_OFD_GETLK, arg: LOCK }));
      return Number(readStruct(FLOCK, readCell(LOCK)).l_type) === F_UNLCK;
    });
  } finally {
    callSync(close({ fd }));
  }
}
