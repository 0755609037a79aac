/** Where state lies. What dies with the machine is below a directory that does too; what outlives it is elsewhere. */

type Environment = Readonly<Record<string, string | undefined>>;

/** Directory of records: /run/containerv for root, below XDG_RUNTIME_DIR (else /run/user/UID) for others. */
export function stateDirectory(environment: Environment, uid: number): string {
  if (uid === 0) return "/run/containerv";
  const base = environment["XDG_RUNTIME_DIR"];
  return `${base?.startsWith("/") ? base : `/run/user/${uid}`}/containerv`;
}

/**
 * A project is its name and its spec file's absolute path: two checkouts never touch each other. `shop-3f2a91c04d7e` is the
 * name of its directory and of its groups.
 */
export function projectKey(name: string, file: string): string {
  return `${name}-${pathHash(file)}`;
}

/** Others keep their own things beside the projects: what is no key is not ours to touch. */
export function isProjectKey(name: string): boolean {
  return /^[a-z0-9][a-z0-9_.-]{0,62}-[0-9a-f]{12}$/.test(name);
}

/** 48 bits of FNV-1a over the path's UTF-16 units: a name, not a proof; the whole path stands in the project's record. */
function pathHash(path: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < path.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(path.charCodeAt(i))) * 0x100000001b3n);
  }
  return BigInt.asUintN(48, hash ^ (hash >> 48n)).toString(16).padStart(12, "0");
}

/** Files of one project, all below its directory. */
export interface ProjectPlaces {
  readonly key: string;
  readonly directory: string;
  /** The project's own record. */
  readonly record: string;
  /** Whoever changes the project holds a flock(2) on it. */
  readonly lock: string;
  /** What the keeper appends each ending to. */
  readonly endings: string;
  /** What those who act append a line to. */
  readonly events: string;
  /** There once a container had another name than it was made with: groups and logs may be called as another's. */
  readonly renamed: string;
  readonly containers: string;
  readonly logs: string;
}

export function projectPlaces(state: string, key: string): ProjectPlaces {
  const directory = `${state}/${key}`;
  return {
    key,
    directory,
    record: `${directory}/project.json`,
    lock: `${state}/.${key}.lock`,
    endings: `${directory}/endings`,
    events: `${directory}/events`,
    renamed: `${directory}/renamed`,
    containers: `${directory}/containers`,
    logs: `${directory}/logs`,
  };
}

/** Files of one container of a project. */
export interface ContainerPlaces {
  readonly directory: string;
  readonly record: string;
  /** What was asked for, normalised. */
  readonly desired: string;
  /** Named pipes: output and errors of the container's processes. */
  readonly output: string;
  readonly errors: string;
  /** Named pipe: what is typed for it, with `stdin` or a terminal. */
  readonly input: string;
  /** Named pipe: messages for who has its terminal (runtime/plan/report.ts). */
  readonly control: string;
}

export function containerPlaces(project: ProjectPlaces, name: string): ContainerPlaces {
  const directory = `${project.containers}/${name}`;
  return {
    directory,
    record: `${directory}/record.json`,
    desired: `${directory}/desired.json`,
    output: `${directory}/output`,
    errors: `${directory}/errors`,
    input: `${directory}/input`,
    control: `${directory}/control`,
  };
}

/**
 * The name that a container is to take over, of one that was started before the old one ends: `NAME~1` or `NAME~2`, as no container of a
 * spec is called.
 */
export const replacedName = (name: string): string | undefined => /^(.+)~[12]$/.exec(name)?.[1];

/** Name of the keeper's socket in the project's directory. */
export const KEEPER_SOCKET = "keeper";
