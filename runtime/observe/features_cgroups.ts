/** What limits need: hierarchies, controllers, groups that this user may make. */
import { E2BIG, EINVAL, ENOSYS } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { Host } from "../plan/host.ts";
import { type Feature, type FeatureAnswer, refused, showFailure } from "./features_probe.ts";
import { NEW_KERNEL } from "./features_calls.ts";
import { observeDelegated, ownGroup } from "./delegated.ts";
import { runProbe } from "./features_program.ts";

const NO_LIMITS =
  "no limits: specs with `limits:` are refused, the default of 4096 processes is not held";
const DELEGATE = "systemd-run --user --scope -p Delegate=yes containerv run FILE";

function probeHierarchies({ cgroups: { v1, v2 } }: Host): FeatureAnswer {
  const old = Object.keys(v1);
  const unified = v2 === undefined
    ? []
    : [`v2 at ${v2.mount} (${v2.controllers.join(", ") || "no controller"})`];
  const first = old.length === 0 ? [] : [`v1 (${old.join(", ")})`];
  const seen = [...unified, ...first];
  if (seen.length === 0) return { state: "no", detail: "none is mounted" };
  return { state: "yes", detail: (seen.length > 1 ? "hybrid: " : "") + seen.join(" and ") };
}

function controllerProbe(name: string): (host: Host) => FeatureAnswer {
  return ({ cgroups: { v1, v2 } }) => {
    const at = v1[name];
    if (at !== undefined) return { state: "yes", detail: `v1 at ${at}` };
    if (v2?.controllers.includes(name) === true) {
      return { state: "yes", detail: `v2 at ${v2.mount}` };
    }
    return { state: "no", detail: "no mounted hierarchy offers it" };
  };
}

/** True when the file opens for writing; opening writes nothing. */
function writable(pathname: string): FeatureAnswer {
  const call = openat({ pathname, flags: O_WRONLY | O_CLOEXEC });
  const fd = Number(callSync(call));
  if (fd < 0) return { state: "no", detail: showFailure(call, -fd) };
  callSync(close({ fd }));
  return { state: "yes", detail: pathname };
}

/** Root makes groups at the top of each hierarchy; others only below a group that is theirs. */
function probeWritable(host: Host): FeatureAnswer {
  const { v1, v2 } = host.cgroups;
  if (host.privileged) {
    const files = [...new Set(Object.values(v1))].map((mount) => `${mount}/tasks`);
    if (v2 !== undefined) files.unshift(`${v2.mount}/cgroup.procs`);
    if (files.length === 0) return { state: "unknown", detail: "no hierarchy is mounted" };
    const closed = files.map(writable)
      .find(({ state }) => state === "no");
    return closed ?? { state: "yes", detail: "at the top of each hierarchy" };
  }
  const delegated = observeDelegated(v2);
  if ("why" in delegated) return { state: "no", detail: delegated.why, fix: DELEGATE };
  const all = `${delegated.path} (${delegated.controllers.join(", ")})`;
  const missing = ["cpu", "memory", "pids"].filter((name) => !delegated.controllers.includes(name));
  if (missing.length === 0) return { state: "yes", detail: all };
  const detail = `${all}; it lacks ${missing.join(", ")}`;
  return { state: "yes", detail };
}

/** Any answer of a kernel that knows the flag is a yes: who may enter which group is another row. */
function probeIntoCgroup(host: Host): FeatureAnswer {
  const group = host.cgroups.v2 === undefined ? undefined : ownGroup(host.cgroups.v2);
  if (group === undefined) return { state: "unknown", detail: "cgroup v2 is not mounted" };
  const end = runProbe({ flags: 0n, group, calls: [] }, host);
  if (end.kind === "done") return { state: "yes" };
  if (end.kind === "lost") return { state: "unknown", detail: end.why };
  if (end.call.name !== "clone3") {
    return { state: "unknown", detail: showFailure(end.call, end.errno) };
  }
  if (end.errno === EINVAL || end.errno === E2BIG || end.errno === ENOSYS) {
    return refused(end.call, end.errno);
  }
  return { state: "yes", detail: "known to the kernel; this user may not enter its own group so" };
}

function controllerRow(name: string, about: { gives: string; fix: string }): Feature {
  return {
    ...about,
    name: `controller ${name}`,
    group: "limits",
    needs: "cgroup v2, or the controller's v1 hierarchy",
    without: `specs with \`${about.gives}\` are refused`,
    required: false,
    probe: controllerProbe(name),
  };
}

/** Rows about limits. */
export const CGROUP_FEATURES: readonly Feature[] = [
  {
    name: "cgroup hierarchies",
    group: "limits",
    needs: "a mounted cgroup2 or cgroup file system",
    gives: "limits, and knowing which processes are a container's",
    without: NO_LIMITS,
    fix: "sudo mount -t cgroup2 none /sys/fs/cgroup",
    required: false,
    probe: probeHierarchies,
  },
  controllerRow("memory", {
    gives: "limits.memory",
    fix: "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&cgroup_enable=memory /' /etc/default/grub && " +
      "sudo update-grub && sudo reboot",
  }),
  controllerRow("pids", {
    gives: "limits.pids",
    fix: "boot a kernel with CONFIG_CGROUP_PIDS",
  }),
  controllerRow("cpu", {
    gives: "limits.cpu",
    fix: "boot a kernel with CONFIG_CFS_BANDWIDTH",
  }),
  {
    name: "groups of one's own",
    group: "limits",
    needs: "root, or a delegated group of cgroup v2",
    gives: "limits",
    without: NO_LIMITS,
    fix: DELEGATE,
    required: false,
    probe: probeWritable,
  },
  {
    name: "CLONE_INTO_CGROUP",
    group: "limits",
    since: "5.7",
    needs: "cgroup v2",
    gives: "a container is in its group from its first instruction",
    without: "specs with limits are refused where they lie on cgroup v2",
    fix: NEW_KERNEL,
    required: false,
    probe: probeIntoCgroup,
  },
];
