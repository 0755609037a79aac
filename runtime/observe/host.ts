/** Reads the machine: /proc and / → Host. Changes nothing. */
import type { Host, HostCgroups, HostEntry } from "../plan/host.ts";
import { entryKind, readBytes, readFile, readLink } from "../../ffi/linux/file.ts";
import { observeDelegated } from "./delegated.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** What is worth asking: a spec without limits needs no look at the cgroups. */
export interface HostQuestion {
  readonly cgroups: boolean;
  /** Entries of the root directory that a plan may show. */
  readonly roots: readonly string[];
}

const CAP_SYS_ADMIN = 21n;
const AT_PAGESZ = 6n;

export function observeHost(question: HostQuestion): Host {
  const status = parseStatus(must("/proc/self/status"));
  const privileged = status.uid === 0 && ((status.effective >> CAP_SYS_ADMIN) & 1n) === 1n &&
    inFirstUserNamespace();
  return {
    version: 1,
    kernel: must("/proc/sys/kernel/osrelease").trim(),
    architecture: architecture(),
    pageBytes: pageBytes(),
    uid: status.uid,
    gid: status.gid,
    privileged,
    lastCapability: Number(must("/proc/sys/kernel/cap_last_cap")),
    bounding: status.bounding.toString(16),
    cgroups: question.cgroups ? withDelegated(observeCgroups(), privileged) : { v1: {} },
    system: observeSystem(question.roots),
  };
}

/** Throws when the file is not there: a machine without it is none that we know. */
function must(path: string): string {
  const text = readFile(path);
  if (text === undefined) throw new Error(`cannot read ${path}: is /proc mounted?`);
  return text;
}

function parseStatus(
  text: string,
): { uid: number; gid: number; effective: bigint; bounding: bigint } {
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(\\S+)\\s*(\\S*)`, "m").exec(text)
      ?.[name === "Uid" || name === "Gid" ? 2 : 1] ??
      "";
  return {
    uid: Number(field("Uid")),
    gid: Number(field("Gid")),
    effective: BigInt(`0x${field("CapEff")}`),
    bounding: BigInt(`0x${field("CapBnd")}`),
  };
}

/** The first namespace maps every id to itself; a root elsewhere has no right over the machine. */
function inFirstUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFile("/proc/self/uid_map") ?? "");
}

function architecture(): Host["architecture"] {
  // e_machine of our own executable: the same for every runtime, and no call more.
  const machine = readBytes("/proc/self/exe", { bytes: 20 })?.[18];
  if (machine === 62) return "x86_64";
  if (machine === 183) return "aarch64";
  throw new Error(
    `this processor is not supported (ELF machine ${machine}): x86-64 and aarch64 are`,
  );
}

function pageBytes(): number {
  const auxv = readBytes("/proc/self/auxv") ?? new Uint8Array();
  const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
  for (let offset = 0; offset + 16 <= auxv.length; offset += 16) {
    if (view.getBigUint64(offset, true) === AT_PAGESZ) {
      return Number(view.getBigUint64(offset + 8, true));
    }
  }
  throw new Error("/proc/self/auxv does not say the size of a page");
}

function observeSystem(roots: readonly string[]): Readonly<Record<string, HostEntry>> {
  const entries: Record<string, HostEntry> = {};
  for (const path of roots) {
    const target = readLink(path);
    if (target !== undefined) entries[path] = { kind: "symlink", target };
    else if (entryKind(path) === "directory") entries[path] = { kind: "directory" };
  }
  return entries;
}

/** Every cgroup hierarchy that is mounted, from mountinfo; the first mount of each counts. */
export function observeCgroups(): HostCgroups {
  const v1: Record<string, string> = {};
  let v2: HostCgroups["v2"];
  const controllers = v1Controllers();
  for (const mount of parseMountinfo(must("/proc/self/mountinfo"))) {
    if (mount.fs === "cgroup2" && v2 === undefined) v2 = observeUnified(mount.at);
    if (mount.fs !== "cgroup") continue;
    for (const option of mount.superOptions) {
      if (controllers.has(option) && v1[option] === undefined) v1[option] = mount.at;
    }
  }
  const cpuset = observeCpuset(v1["cpuset"], v2);
  return {
    v1,
    ...(v2 === undefined ? {} : { v2 }),
    ...(cpuset === undefined ? {} : { cpuset }),
  };
}

/** What the root of the hierarchy has, whatever offline CPUs there are besides. */
function observeCpuset(v1: string | undefined, v2: HostCgroups["v2"]): HostCgroups["cpuset"] {
  const unified = v2?.controllers.includes("cpuset") === true ? v2.mount : undefined;
  const mount = v1 ?? unified;
  if (mount === undefined) return undefined;
  const list = (name: string): readonly number[] => {
    const file = v1 === undefined ? `cpuset.${name}.effective` : `cpuset.effective_${name}`;
    return parseCpus((readFile(`${mount}/${file}`) ?? "").trim());
  };
  return { cpus: list("cpus"), mems: list("mems") };
}

/** `0-2,6` → `[0, 1, 2, 6]`. */
function parseCpus(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** An ordinary user makes groups in one that was given to them. */
function withDelegated(cgroups: HostCgroups, privileged: boolean): HostCgroups {
  if (privileged) return cgroups;
  const { v2 } = cgroups;
  const delegated = observeDelegated(v2);
  if ("why" in delegated) return { ...cgroups, notDelegated: delegated.why };
  return v2 === undefined ? cgroups : { ...cgroups, v2: { ...v2, delegated } };
}

function observeUnified(mount: string): NonNullable<HostCgroups["v2"]> {
  const words = (file: string): readonly string[] =>
    (readFile(`${mount}/${file}`) ?? "").split(/\s+/).filter((word) => word !== "");
  return {
    mount,
    controllers: words("cgroup.controllers"),
    enabled: words("cgroup.subtree_control"),
  };
}

/** Names of the kernel's controllers: among the options of a mount, what is not one is a flag. */
function v1Controllers(): ReadonlySet<string> {
  const lines = (readFile("/proc/cgroups") ?? "").split("\n").slice(1);
  return new Set(lines.map((line) => line.split("\t")[0] ?? "").filter((name) => name !== ""));
}
