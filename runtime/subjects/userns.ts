/** `userns:` → which ids the container has, who maps them, and what follows for all that it owns. */
import type { DesiredContainer, IdMap } from "../../spec/model/desired.ts";
import type { Answers, Host, IdSources, ResolvedUser } from "../plan/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { AskMaps } from "../plan/ops/ask.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { Loss } from "../plan/plan.ts";
import { originOf } from "./origin.ts";
import { hasUnmapped } from "./rootfs/mapped.ts";
import { hasInit, usersOf } from "./process.ts";

/** Ids that a container of root's gets of its own by `userns: auto`. */
export const AUTO_IDS = 65_536;

/** File of locks: a byte per range that is in use, taken by the container's stage. */
export const CLAIMS_PATH = "/run/containerv/ids";

/** What a container sees of the machine from inside its user namespace. */
export interface Inside extends Host {
  /** Whether setgroups(2) is allowed. Absent: to root alone. */
  readonly setgroups?: boolean;
  /** Whether the group tty has an id. Absent: with root's ids alone. */
  readonly hasTtyGroup?: boolean;
}

/** Id of the group tty, which terminals belong to: the same in every distribution. */
export const TTY_GROUP = 5;

export interface CompiledUserns {
  /** The container is in a user namespace: nothing of the host is its root's. */
  readonly inside: Inside;
  readonly fresh: boolean;
  /** Ids of the host that a user of the container has. */
  readonly outside: (user: IdPair) => IdPair;
  /** The runner maps the ids; the first process waits for it. */
  readonly maps?: AskMaps;
  readonly losses: readonly Loss[];
  /** Before clone3. */
  readonly claim: readonly Op[];
  /** The container's first operations. */
  readonly first: readonly Op[];
}

interface Maps {
  readonly uids: readonly IdMap[];
  readonly gids: readonly IdMap[];
}

/** Throws HostError when the ids that are asked for can't be had here. */
export function compileUserns(
  container: DesiredContainer,
  host: Host,
  answers: Answers,
): CompiledUserns {
  const { userns } = container;
  const origin = originOf(container, "userns");
  if (container.join.user !== undefined) return joinedUserns(container, host);
  if (host.privileged && (userns === "default" || userns === "host")) {
    const inside = { ...host, setgroups: true };
    return { inside, fresh: false, outside: (user) => user, losses: [], claim: [], first: [] };
  }
  if (userns === "host") {
    throw new HostError("USERNS_NEEDED", {
      origin,
      message: "an ordinary user's container can't have the host's ids: it needs a user namespace",
      fix: "userns: auto, or run as root",
    });
  }
  if (typeof userns === "object") {
    checkOwner(userns, { host, ids: answers.ids, origin });
    return isOwnId(userns, host)
      ? singleId(container, host, { answers, maps: userns })
      : mapped(container, host, { answers, maps: userns });
  }
  if (host.privileged) return rootsRange(container, host, answers);
  const maps = usersRanges(host, answers.ids);
  return maps === undefined
    ? singleId(container, host, { answers })
    : mapped(container, host, { answers, maps });
}

/** Another's user namespace: its root is who builds the container; whose ids it has is known to the kernel alone. */
function joinedUserns(container: DesiredContainer, host: Host): CompiledUserns {
  return {
    inside: { ...host, privileged: false, setgroups: false },
    fresh: false,
    outside: ({ uid, gid }) => ({ uid, gid }),
    losses: host.privileged ? [unowned(originOf(container, "join/user", "join"))] : [],
    claim: [],
    first: [{
      kind: "idmap.gate",
      id: "namespaces/user",
      where: "container",
      origin: originOf(container, "join/user", "join"),
      waits: false,
      become: { uid: 0, gid: 0 },
      dropGroups: false,
    }],
  };
}

/** Without root's rights over a file system its files keep their owners, whom the namespace does not know. */
const unowned = (origin: string): Loss => ({
  code: "OWNERS_NOT_MAPPED",
  origin,
  message: "files of the host show as 65534's: their owners have no id in the user namespace",
});

/** One id each, the user's own: what the kernel lets a process map by itself. */
function isOwnId({ uids, gids }: Maps, host: Host): boolean {
  const own = (maps: readonly IdMap[], id: number): boolean =>
    maps.length === 1 && maps[0]?.count === 1 && maps[0].outside === id;
  return !host.privileged && own(uids, host.uid) && own(gids, host.gid);
}

function singleId(
  container: DesiredContainer,
  host: Host,
  { answers, maps }: { readonly answers: Answers; readonly maps?: Maps },
): CompiledUserns {
  const users = usersOf(container, answers);
  const first = { uid: users[0]?.uid ?? 0, gid: users[0]?.gid ?? 0 };
  const wanted = hasInit(container) ? { uid: 0, gid: 0 } : first;
  const uid = maps?.uids[0]?.inside ?? wanted.uid;
  const gid = maps?.gids[0]?.inside ?? wanted.gid;
  if (users.some((user) => user.uid !== uid || user.gid !== gid) || wanted.uid !== uid) {
    throw new HostError("ONE_ID_ONLY", {
      origin: originOf(container, "user"),
      message: "an ordinary user has one id to give here, and the commands want several" +
        (answers.ids?.lacks === undefined ? "" : `: ${answers.ids.lacks}`),
      fix: answers.ids?.fix ?? "leave `user:` out, or run as root",
    });
  }
  const map: Op = {
    kind: "idmap",
    id: "namespaces/user",
    where: "container",
    origin: originOf(container, "userns"),
    uid,
    hostUid: host.uid,
    gid,
    hostGid: host.gid,
  };
  return {
    inside: { ...host, privileged: false, setgroups: false },
    fresh: true,
    outside: () => ({ uid: host.uid, gid: host.gid }),
    losses: [],
    claim: [],
    first: [map],
  };
}

/** Ids that the runner, or newuidmap and newgidmap for it, map. */
function mapped(
  container: DesiredContainer,
  host: Host,
  { answers, maps }: { readonly answers: Answers; readonly maps: Maps },
): CompiledUserns {
  const origin = originOf(container, "userns");
  const become = firstIds(container, { answers, maps });
  const { helpers } = answers.ids ?? {};
  const gate: Op = {
    kind: "idmap.gate",
    id: "namespaces/user",
    where: "container",
    origin,
    waits: true,
    become,
    dropGroups: true,
  };
  return {
    inside: {
      ...host,
      privileged: false,
      setgroups: true,
      hasTtyGroup: isMapped(maps.gids, TTY_GROUP),
    },
    fresh: true,
    outside: ({ uid, gid }) => ({ uid: outside(maps.uids, uid), gid: outside(maps.gids, gid) }),
    losses: host.privileged && hasUnmapped(container) ? [unowned(origin)] : [],
    claim: [],
    first: [gate],
    maps: {
      kind: "maps",
      uids: maps.uids,
      gids: maps.gids,
      origin,
      ...(host.privileged || helpers === undefined ? {} : { helpers }),
    },
  };
}

interface IdPair {
  readonly uid: number;
  readonly gid: number;
}

/** What was checked before to be mapped. */
function outside(ranges: readonly IdMap[], id: number): number {
  const range = ranges.find(({ inside, count }) => id >= inside && id < inside + count);
  if (range === undefined) throw new Error(`no id outside is ${id} inside`);
  return range.outside + id - range.inside;
}

const isMapped = (ranges: readonly IdMap[], id: number): boolean =>
  ranges.some(({ inside, count }) => id >= inside && id < inside + count);

/** Who the first process is while it builds the container: root if there is one inside, else the command's user. */
function firstIds(
  container: DesiredContainer,
  { answers, maps: { uids, gids } }: { readonly answers: Answers; readonly maps: Maps },
): { readonly uid: number; readonly gid: number } {
  const users = usersOf(container, answers);
  const init: ResolvedUser = { uid: 0, gid: 0, groups: [], home: "/" };
  const all = hasInit(container) ? [init, ...users] : users;
  for (const { uid, gid, groups } of all) {
    const gone = [gid, ...groups].find((id) => !isMapped(gids, id));
    if (isMapped(uids, uid) && gone === undefined) continue;
    const what = isMapped(uids, uid) ? `the group ${gone}` : `the user ${uid}`;
    throw new HostError("ID_NOT_MAPPED", {
      origin: originOf(container, "userns"),
      message:
        `the user namespace has no id for ${what}, and a process of the container is to be it`,
      fix: `map ${what} in userns, or give the commands another \`user:\``,
    });
  }
  const [first = init] = users;
  return {
    uid: isMapped(uids, 0) ? 0 : first.uid,
    gid: isMapped(gids, 0) ? 0 : first.gid,
  };
}

/** The user's own id as root, and after it every id that /etc/subuid gives them; `undefined`: they have but one. */
function usersRanges(host: Host, ids: IdSources | undefined): Maps | undefined {
  if (ids?.helpers === undefined || ids.uids.length === 0 || ids.gids.length === 0) {
    return undefined;
  }
  return { uids: inARow(ids.uids, host.uid), gids: inARow(ids.gids, host.gid) };
}

/** The kernel takes 340 lines; newuidmap's command line takes fewer bytes than that. */
const LINES_MAX = 300;

function inARow(
  ranges: IdSources["uids"],
  own: number,
): readonly IdMap[] {
  const row: IdMap[] = [{ inside: 0, outside: own, count: 1 }];
  let inside = 1;
  for (const { first, count } of ranges.slice(0, LINES_MAX)) {
    row.push({ inside, outside: first, count });
    inside += count;
  }
  return row;
}

/** `userns: auto` of root: a range of /etc/subuid that no other container of ours has. */
function rootsRange(container: DesiredContainer, host: Host, answers: Answers): CompiledUserns {
  const origin = originOf(container, "userns");
  const range = answers.ids?.range;
  if (range === undefined) {
    throw new HostError("NO_ID_RANGE", {
      origin,
      message: `cannot give the container ids of its own: ${
        answers.ids?.lacks ?? "it was not asked which are free"
      }`,
      fix: answers.ids?.fix ?? "userns: host",
    });
  }
  const ids = [{ inside: 0, outside: range, count: AUTO_IDS }];
  const compiled = mapped(container, host, { answers, maps: { uids: ids, gids: ids } });
  return {
    ...compiled,
    claim: [{
      kind: "ids.claim",
      id: "namespaces/ids",
      where: "stage",
      origin,
      path: CLAIMS_PATH,
      first: range,
    }],
  };
}

/** An ordinary user may map what is theirs: their own id and what /etc/subuid and /etc/subgid say. */
function checkOwner(
  wanted: Maps,
  { host, ids, origin }: {
    readonly host: Host;
    readonly ids: IdSources | undefined;
    readonly origin: string;
  },
): void {
  if (host.privileged || isOwnId(wanted, host)) return;
  if (ids?.helpers === undefined) {
    throw new HostError("NEWUIDMAP_MISSING", {
      origin,
      message: `an ordinary user's other ids are mapped by newuidmap and newgidmap${
        ids?.lacks === undefined ? "" : `: ${ids.lacks}`
      }`,
      fix: ids?.fix ?? "sudo apt-get install uidmap",
    });
  }
  for (const [key, own] of [["uids", host.uid], ["gids", host.gid]] as const) {
    wanted[key].forEach(({ outside, count }, index) => {
      const isTheirs = (count === 1 && outside === own) ||
        ids[key].some(({ first, count: size }) =>
          outside >= first && outside + count <= first + size
        );
      if (isTheirs) return;
      const file = key === "uids" ? "/etc/subuid" : "/etc/subgid";
      const theirs = [
        `${own}`,
        ...ids[key].map(({ first, count: size }) => `${first}-${first + size - 1}`),
      ];
      throw new HostError("ID_NOT_YOURS", {
        origin: `${origin}/${key}/${index}`,
        message: `${outside}${
          count === 1 ? "" : `-${outside + count - 1}`
        } is not this user's to map: ${theirs.join(", ")} is`,
        fix: `take ids of yours, or have root add a line to ${file}`,
      });
    });
  }
}
