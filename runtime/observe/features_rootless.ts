/** What containers of ordinary users need: user namespaces, nobody who forbids them, ids to map. */
import { EINVAL, ENOSPC, EPERM } from "../../ffi/abi/errno.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../../ffi/abi/sched.ts";
import type { Host } from "../plan/host.ts";
import { type Feature, type FeatureAnswer, readText, refused, sysctl } from "./features_probe.ts";
import { newFilesystem } from "./features_mounts.ts";
import { runProbe } from "./features_program.ts";
import {
  findHelper,
  helperProblem,
  isSetuid,
  nameOf,
  rangesOf,
  type SubidFile,
  subidFix,
} from "./subids.ts";

const NO_ROOTLESS = "only root runs containers";

const ALL = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS |
  CLONE_NEWIPC | CLONE_NEWCGROUP;

const SWITCHES: Readonly<Record<string, { readonly forbids: string; readonly fix: string }>> = {
  "kernel.unprivileged_userns_clone": {
    forbids: "0",
    fix: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
  },
  "kernel.apparmor_restrict_unprivileged_userns": {
    forbids: "1",
    fix: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
};

const KINDS = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup"] as const;
const countOf = (kind: string): string => `user.max_${kind}_namespaces`;

/** Namespaces of which this machine allows none. */
function forbiddenCounts(): readonly string[] {
  return KINDS.map(countOf).filter((name) => sysctl(name) === "0");
}

function countFix(names: readonly string[]): string {
  return `sudo sysctl -w ${names.map((name) => `${name}=10000`).join(" ")}`;
}

/** The command that helps against this failure, as far as the settings tell who is behind it. */
export function usernsFix(errno: number): string | undefined {
  const counts = forbiddenCounts();
  if (errno === ENOSPC) return countFix(counts.length > 0 ? counts : [countOf("user")]);
  for (const [name, { forbids, fix }] of Object.entries(SWITCHES)) {
    if (sysctl(name) === forbids) return fix;
  }
  if (errno === EINVAL) return "boot a kernel with CONFIG_USER_NS";
  if (errno !== EPERM) return undefined;
  return "start the container that this runs in with --security-opt seccomp=unconfined";
}

/** AppArmor lets the clone through and takes the rights away: only a mount shows that they are there. */
function probeUserNamespaces(host: Host): FeatureAnswer {
  const calls = newFilesystem("tmpfs", { into: "tmpfs" });
  const end = runProbe({ flags: ALL, calls }, host);
  if (end.kind === "done") return { state: "yes" };
  if (end.kind === "lost") return { state: "unknown", detail: end.why };
  const fix = usernsFix(end.errno);
  return { ...refused(end.call, end.errno), ...(fix === undefined ? {} : { fix }) };
}

function switchProbe(name: keyof typeof SWITCHES): () => FeatureAnswer {
  return () => {
    const value = sysctl(name);
    if (value === undefined) return { state: "yes", detail: "this kernel has no such switch" };
    const state = value === SWITCHES[name]?.forbids ? "no" : "yes";
    return { state, detail: `${name} = ${value}` };
  };
}

function probeCounts(): FeatureAnswer {
  const known = KINDS.map(countOf).filter((name) => sysctl(name) !== undefined);
  if (known.length === 0) return { state: "unknown", detail: "/proc/sys/user can't be read" };
  const forbidden = forbiddenCounts();
  if (forbidden.length > 0) {
    const detail = forbidden.map((name) => `${name} = 0`).join(", ");
    return { state: "no", detail, fix: countFix(forbidden) };
  }
  return { state: "yes", detail: `${known[0]} = ${sysctl(known[0] ?? "")}` };
}

function helperProbe(name: string): () => FeatureAnswer {
  return () => {
    const path = findHelper(name);
    if (path === undefined) return { state: "no", detail: `no ${name} in /usr/bin` };
    const problem = helperProblem(path);
    if (problem !== undefined) {
      return { state: "no", detail: problem, fix: "start it without no_new_privs" };
    }
    if (isSetuid(path)) return { state: "yes", detail: `${path}, setuid` };
    return { state: "unknown", detail: `${path} is not setuid; file capabilities may do as well` };
  };
}

function subidProbe(file: SubidFile): (host: Host) => FeatureAnswer {
  return ({ uid, privileged }) => {
    const name = nameOf(uid);
    const fix = subidFix(name ?? `${uid}`);
    const text = readText(file);
    if (text === undefined) return { state: "no", detail: `no ${file}`, fix };
    if (typeof text !== "string") return { state: "unknown", detail: text.message };
    const count = rangesOf({ name, id: uid }, text).reduce((sum, range) => sum + range.count, 0);
    if (count > 0) return { state: "yes", detail: `${count} ids for ${name ?? uid}` };
    if (privileged) return { state: "yes", detail: `no line for ${name ?? uid}; root needs none` };
    return { state: "no", detail: `no line for ${name ?? uid} in ${file}`, fix };
  };
}

const LATER = { group: "no root", required: false } as const;
const IDS = "one id per container: its commands all run as one user";

/** Rows about ordinary users. */
export const ROOTLESS_FEATURES: readonly Feature[] = [
  {
    ...LATER,
    name: "user namespaces",
    since: "3.8",
    needs: "CONFIG_USER_NS, and nobody below who forbids them",
    gives: "containers of ordinary users; userns: auto for root",
    without: NO_ROOTLESS,
    fix: "sudo sysctl -w user.max_user_namespaces=10000",
    probe: probeUserNamespaces,
  },
  {
    ...LATER,
    name: "not switched off for users",
    needs: "kernel.unprivileged_userns_clone is not 0 (Debian's kernels)",
    gives: "containers of ordinary users",
    without: NO_ROOTLESS,
    fix: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
    probe: switchProbe("kernel.unprivileged_userns_clone"),
  },
  {
    ...LATER,
    name: "not held back by AppArmor",
    needs: "kernel.apparmor_restrict_unprivileged_userns is not 1 (Ubuntu 24.04 and later)",
    gives: "containers of ordinary users",
    without: NO_ROOTLESS,
    fix: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    probe: switchProbe("kernel.apparmor_restrict_unprivileged_userns"),
  },
  {
    ...LATER,
    name: "namespaces allowed in number",
    needs: "no user.max_*_namespaces is 0",
    gives: "containers of ordinary users",
    without: NO_ROOTLESS,
    fix: "sudo sysctl -w user.max_user_namespaces=10000",
    probe: probeCounts,
  },
  ...(["newuidmap", "newgidmap"] as const).map((name): Feature => ({
    ...LATER,
    name,
    needs: "the program, setuid or with file capabilities",
    gives: "several ids for an ordinary user's container",
    without: IDS,
    fix: "sudo apt-get install uidmap",
    probe: helperProbe(name),
  })),
  ...(["/etc/subuid", "/etc/subgid"] as const).map((file): Feature => ({
    ...LATER,
    name: file,
    needs: "a line for this user",
    gives: "several ids for an ordinary user's container",
    without: IDS,
    fix: "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER",
    probe: subidProbe(file),
  })),
];
