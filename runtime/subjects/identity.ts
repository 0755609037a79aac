/** `user:` and `policy.capabilities` → ids, groups and capability sets. */
import { CAPABILITIES, type Capability } from "../../ffi/abi/capability.ts";
import type {
  DesiredCapabilitySets,
  DesiredContainer,
  DesiredUser,
} from "../../spec/model/desired.ts";
import type { Answers, Host, ResolvedUser } from "../plan/host.ts";
import { HostError } from "../plan/host_error.ts";
import type { Op } from "../plan/ops/registry.ts";
import { originOf } from "./origin.ts";

/** What root in a container may do when nothing is said: podman's list, which is Docker's without raw sockets, mknod and audit. */
export const DEFAULT_CAPABILITIES: readonly Capability[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];

/** What PID 1 of ours needs besides, to become each command's user. */
const INIT_CAPABILITIES: readonly Capability[] = ["KILL", "SETGID", "SETPCAP", "SETUID"];

export interface Rights {
  /** Bounding set of everything in the container. */
  readonly bounding: readonly Capability[];
  /** The user asked for them by name: a user other than root gets them too, as ambient. */
  readonly explicit: boolean;
  /** They were said each by itself. */
  readonly sets?: DesiredCapabilitySets;
}

export function compileRights(container: DesiredContainer, host: Host): Rights {
  const asked = container.policy.capabilities;
  if (asked === undefined) {
    // The default is what this runner can give of it; a root without all rights is common in CI.
    return {
      bounding: DEFAULT_CAPABILITIES.filter((name) => available(name, host)),
      explicit: false,
    };
  }
  for (const name of asked) {
    if (available(name as Capability, host)) continue;
    throw new HostError("CAPABILITY_MISSING", {
      origin: originOf(container, "policy/capabilities", "policy"),
      message: `cannot give the capability ${name}: it is not in this process's bounding set`,
      fix: `take ${name} out of policy.capabilities, or run as a user who has it`,
    });
  }
  const { sets } = container.policy;
  const bounding = asked as readonly Capability[];
  return { bounding, explicit: true, ...(sets === undefined ? {} : { sets }) };
}

/** What a command of this user has of the sets besides the bounding one. */
export function heldBy(
  { uid }: ResolvedUser,
  { bounding, explicit, sets }: Rights,
  origin: string,
): Pick<Extract<Op, { kind: "identity" }>, "capabilities" | "ambient" | "sets"> {
  const isRoot = uid === 0;
  if (sets === undefined) {
    return { capabilities: isRoot || explicit ? bounding : [], ambient: explicit && !isRoot };
  }
  const ambient = (sets.ambient ?? []) as readonly Capability[];
  // execve(2) gives root all that the bounding set and what it had have in common, and others the ambient set alone.
  const permitted = isRoot ? (sets.permitted ?? bounding) as readonly Capability[] : ambient;
  for (const name of ["permitted", "effective"] as const) {
    const said = sets[name];
    if (said === undefined || isSame(said, permitted)) continue;
    throw new HostError("CAPABILITY_SETS", {
      origin: `${origin}/${name}`,
      message:
        `the ${name} set of a command of user ${uid} can't be ${said.join(", ") || "empty"}: ` +
        `after execve it is ${permitted.join(", ") || "empty"}`,
      fix: isRoot
        ? "say `permitted` and leave `effective` out: for root they are the same"
        : "say `ambient`, which is what a user other than root keeps, and leave this out",
    });
  }
  const inheritable = (sets.inheritable ?? ambient) as readonly Capability[];
  return { capabilities: permitted, ambient: false, sets: { inheritable, ambient } };
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return [...one].sort().join() === [...other].sort().join();
}

/** In its own user namespace a process has every capability that the kernel knows and its bounding set allows. */
function available(name: Capability, host: Host): boolean {
  const bit = CAPABILITIES[name];
  return bit <= host.lastCapability && ((BigInt(`0x${host.bounding}`) >> BigInt(bit)) & 1n) === 1n;
}

/** PID 1's own: what the commands have, and what it takes to become their users. */
export function initCapabilities(rights: Rights): readonly Capability[] {
  return [...new Set([...rights.bounding, ...INIT_CAPABILITIES])];
}

/** The numeric ids of `user`, from what was looked up in the container's own passwd. */
export function resolveUser(
  user: DesiredUser,
  answers: Answers,
  origin: string,
): ResolvedUser {
  const key = userKey(user);
  const known = answers.users?.[key];
  if (known !== undefined) return known;
  if (typeof user.user !== "number" || typeof user.group === "string") {
    throw new HostError("NO_SUCH_USER", {
      origin,
      message: `the container's /etc/passwd and /etc/group do not say who "${key}" is`,
      fix: 'give it in numbers: "1000:1000"',
    });
  }
  const gid = user.group ?? user.user;
  return { uid: user.user, gid, groups: [], home: user.user === 0 ? "/root" : "/" };
}

/** How a user is named in Answers.users. */
export function userKey(user: DesiredUser): string {
  return user.group === undefined ? `${user.user}` : `${user.user}:${user.group}`;
}
