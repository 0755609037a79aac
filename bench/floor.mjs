/** `containerv plan --json` → the steps of floor.c: the floor makes the plan's own calls, so it cannot fall out of step. */
import { CGROUP_PREFIX } from "./peers.mjs";

/** include/uapi/linux/mount.h */
const MOUNT_ATTRIBUTES = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 };

/** include/uapi/linux/sched.h */
const CLONE_FLAGS = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  pid: 0x20000000,
  net: 0x40000000,
};

/** include/uapi/linux/capability.h, as far as the default set needs it. */
const CAPABILITY_NUMBERS = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  NET_BIND_SERVICE: 10,
  SYS_CHROOT: 18,
  SETFCAP: 31,
};

const known = (table, name) => {
  const value = table[name];
  if (value === undefined) throw new Error(`bench/floor.mjs does not know ${JSON.stringify(name)}`);
  return value;
};
const sum = (table, names) => names.reduce((bits, name) => bits + known(table, name), 0);
const mask = (names) =>
  names.reduce((bits, name) => bits | 1n << BigInt(known(CAPABILITY_NUMBERS, name)), 0n);

/** Groups of the floor's own, so that those that a killed benchmark leaves are known by their name. */
const ownGroup = (path) => path.replace(/\/containerv(?=\/|$)/, `/${CGROUP_PREFIX}floor`);
const signed = (sign, names) => names.map((name) => sign + name).join(" ");

function makeGroup({ path, parents }) {
  const steps = parents.flatMap(({ path, removable, enable }) => [
    ...(removable ? [["group.parent", ownGroup(path)]] : []),
    ...(enable.length > 0
      ? [["group.control", `${ownGroup(path)}/cgroup.subtree_control`, signed("+", enable)]]
      : []),
  ]);
  return [...steps, ["group.make", ownGroup(path)]];
}

function removeGroup({ path, parents }) {
  const steps = [...parents].reverse().flatMap(({ path, removable, disable }) => [
    ...(removable ? [["group.remove", ownGroup(path), "parent"]] : []),
    ...(disable.length > 0
      ? [["group.release", `${ownGroup(path)}/cgroup.subtree_control`, signed("-", disable)]]
      : []),
  ]);
  return [["group.remove", ownGroup(path)], ...steps];
}

/** One entry per kind of operation (runtime/plan/ops): its steps, each a name of floor.c's table and its fields. */
const TRANSLATIONS = {
  prepare: () => [],
  watch: () => [],
  "cgroup.make": makeGroup,
  "cgroup.write": ({ path, value, holds }) => [["group.write", ownGroup(path), value, holds]],
  "cgroup.open": ({ path, as }) => [["group.open", ownGroup(path), as]],
  "cgroup.join": ({ path }) => [["group.join", ownGroup(path)]],
  clone: ({ namespaces, group }, groups) => [
    ["clone", sum(CLONE_FLAGS, namespaces), ...(group === undefined ? [] : [groups.get(group)])],
  ],
  tether: () => [["tether"]],
  stdin: () => [["stdin"]],
  keyring: () => [["keyring"]],
  "cgroup.counters": ({ files }) => files.map(({ path }) => ["group.counter", ownGroup(path)]),
  "unshare.cgroup": () => [["unshare.cgroup"]],
  hostname: ({ name }) => [["hostname", name]],
  loopback: () => [["loopback"]],
  "mount.private": () => [["mount.private"]],
  "mount.new": ({ fs, at, options, attributes }) => [
    ["mount.new", at, fs, sum(MOUNT_ATTRIBUTES, attributes), ...options.map((o) => o.join("="))],
  ],
  "mount.bind": ({ source, at, target, attributes, optional }) => [
    ["mount.bind", at, source, target, sum(MOUNT_ATTRIBUTES, attributes), optional ? 1 : 0],
  ],
  "mount.readonly": ({ at }) => [["mount.readonly", at]],
  "mount.shield": ({ at, how }) => [["mount.shield", at, how]],
  directory: ({ path, mode }) => [["directory", path, mode]],
  file: ({ path, mode, text }) => [["file", path, mode, text]],
  symlink: ({ path, target }) => [["symlink", path, target]],
  device: ({ path, mode, major, minor }) => [["device", path, mode, major, minor]],
  pivot: () => [["pivot"]],
  session: () => [["session"]],
  bound: ({ keep, last, noNewPrivileges }) => [
    ["bound", mask(keep), last, noNewPrivileges ? 1 : 0],
  ],
  workdir: ({ path }) => [["workdir", path]],
  identity: ({ uid, gid, capabilities }) => [["identity", uid, gid, mask(capabilities)]],
  execute: ({ candidates, environment }) => [["execute", candidates[0], ...environment]],
};

const escape = (field) =>
  `${field}`.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");

/**
 * The text that floor.c reads.
 * @param plan what `containerv plan --json` printed, parsed
 * @throws {Error} on an operation that floor.c has no step for: then both files need it
 */
export function floorSteps(plan) {
  const groups = new Map();
  const steps = [];
  const undo = [];
  for (const op of plan.ops) {
    const translate = Object.hasOwn(TRANSLATIONS, op.kind) ? TRANSLATIONS[op.kind] : undefined;
    if (!translate) throw new Error(`bench/floor.c has no step for the operation ${op.kind}`);
    if (op.kind === "cgroup.open") groups.set(op.fd, ownGroup(op.path));
    steps.push(...translate(op, groups));
    if (op.kind === "cgroup.make") undo.unshift(...removeGroup(op));
  }
  return [...steps, ...undo].map((step) => step.map(escape).join("\t")).join("\n") + "\n";
}
