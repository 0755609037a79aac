/** What policies need: seccomp filters, Landlock, BPF LSM. */
import { EOPNOTSUPP } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_RDONLY } from "../../ffi/abi/fcntl.ts";
import { FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from "../../ffi/abi/mount.ts";
import { PR_SET_NO_NEW_PRIVS } from "../../ffi/abi/prctl.ts";
import { SECCOMP_RET_ALLOW } from "../../ffi/abi/seccomp.ts";
import { fsconfigCreate, fsmount, fsopen } from "../../ffi/calls/fsopen.ts";
import { landlockAbi } from "../../ffi/calls/landlock.ts";
import { openat } from "../../ffi/calls/open.ts";
import { prctl } from "../../ffi/calls/prctl.ts";
import { seccompSetModeFilter } from "../../ffi/calls/seccomp.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { entryKind } from "../../ffi/linux/file.ts";
import { readOnce } from "../../ffi/linux/poll.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import type { Host } from "../plan/host.ts";
import { type Feature, type FeatureAnswer, hidden, readText } from "./features_probe.ts";
import { tryCalls } from "./features_program.ts";

/** BPF_RET | BPF_K: one instruction that allows everything. struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
function allowAll(): Uint8Array {
  const filter = new Uint8Array(8);
  const view = new DataView(filter.buffer);
  view.setUint16(0, 0x06, true);
  view.setUint32(4, SECCOMP_RET_ALLOW, true);
  return filter;
}

function probeSeccomp(host: Host): FeatureAnswer {
  return tryCalls(host, {
    flags: 0n,
    calls: [
      { call: prctl({ option: PR_SET_NO_NEW_PRIVS, arg2: 1 }) },
      { call: seccompSetModeFilter({ flags: 0, filter: allowAll() }) },
    ],
  });
}

/** What a lower ABI of Landlock lacks. landlock(7). */
const LANDLOCK_PARTS: readonly (readonly [number, string])[] = [
  [2, "moves between directories"],
  [3, "truncation"],
  [4, "TCP ports"],
  [5, "ioctl on devices"],
  [6, "scopes of signals and abstract sockets"],
];

const LSM_FIX = (name: string, list: string): string =>
  `sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&lsm=${list === "" ? "" : `${list},`}${name} /' ` +
  "/etc/default/grub && sudo update-grub && sudo reboot";

function probeLandlock(): FeatureAnswer {
  const call = landlockAbi();
  const abi = Number(callSync(call));
  if (abi === -EOPNOTSUPP) {
    const list = commandLineLsms() ?? "landlock,lockdown,yama,apparmor";
    return {
      state: "no",
      detail: "switched off when the kernel was started",
      fix: LSM_FIX("landlock", list),
    };
  }
  if (abi < 0) return hidden(call, -abi);
  const lacking = LANDLOCK_PARTS.filter(([since]) => abi < since)
    .map(([since, what]) => `${what} (ABI ${since})`);
  const lacks = lacking.length === 0 ? "" : `, without ${lacking.join(", ")}`;
  return { state: "yes", detail: `ABI ${abi}${lacks}` };
}

/** The list of `lsm=` on the kernel's command line, where it has one. */
function commandLineLsms(): string | undefined {
  const text = readText("/proc/cmdline");
  if (typeof text !== "string") return undefined;
  return text.split(/\s+/).filter((word) => word.startsWith("lsm=")).at(-1)?.slice(4);
}

/** The security modules in force, as text; from a securityfs that nobody else sees where none is mounted. */
function activeLsms(host: Host): string | undefined {
  const mounted = readText("/sys/kernel/security/lsm");
  if (typeof mounted === "string") return mounted;
  if (!host.privileged) return undefined;
  try {
    using context = Fd.open(fsopen({ fsname: "securityfs", flags: FSOPEN_CLOEXEC }));
    check(fsconfigCreate({ fd: context.number }));
    using root = Fd.open(
      fsmount({ fd: context.number, flags: FSMOUNT_CLOEXEC, attrFlags: 0 }),
    );
    const flags = O_RDONLY | O_CLOEXEC;
    using file = Fd.open(openat({ dirfd: root.number, pathname: "lsm", flags }));
    return new TextDecoder().decode(readOnce({ fd: file.number })).trim();
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

function probeBpfLsm(host: Host): FeatureAnswer {
  const active = activeLsms(host);
  const list = active ?? commandLineLsms();
  if (list === undefined) {
    const detail = "securityfs is not mounted: sudo mount -t securityfs none /sys/kernel/security";
    return { state: "unknown", detail };
  }
  const detail = `${active === undefined ? "lsm=" : "in force: "}${list}`;
  if (list.split(",").includes("bpf")) return { state: "yes", detail };
  return { state: "no", detail, fix: LSM_FIX("bpf", list) };
}

function probeBtf(): FeatureAnswer {
  const path = "/sys/kernel/btf/vmlinux";
  const there = entryKind(path) !== undefined;
  return { state: there ? "yes" : "no", detail: there ? path : `no ${path}` };
}

const POLICY = { group: "policy", required: false } as const;

/** Rows about policies, which are compiled later; no run depends on them yet. */
export const POLICY_FEATURES: readonly Feature[] = [
  {
    ...POLICY,
    name: "seccomp filters",
    since: "3.17",
    needs: "CONFIG_SECCOMP_FILTER",
    gives: "system calls that a policy does not name are refused (later)",
    without: "policies that name system calls will be refused",
    fix: "boot a kernel with CONFIG_SECCOMP_FILTER",
    probe: probeSeccomp,
  },
  {
    ...POLICY,
    name: "Landlock",
    since: "5.13",
    needs: "CONFIG_SECURITY_LANDLOCK, and landlock in lsm=",
    gives: "paths and TCP ports that a policy does not name are refused (later)",
    without: "policies that name paths will be refused",
    fix: "boot a kernel with CONFIG_SECURITY_LANDLOCK",
    probe: probeLandlock,
  },
  {
    ...POLICY,
    name: "BPF LSM",
    since: "5.7",
    needs: "root, CONFIG_BPF_LSM, and bpf in lsm=",
    gives: "policies that hold for all processes of a container, with a reason per denial (later)",
    without: "`why` will know what seccomp and Landlock tell",
    fix: LSM_FIX("bpf", "landlock,lockdown,yama,apparmor"),
    probe: probeBpfLsm,
  },
  {
    ...POLICY,
    name: "BTF of the kernel",
    since: "5.4",
    needs: "CONFIG_DEBUG_INFO_BTF",
    gives: "BPF LSM programs that fit this kernel (later)",
    without: "no BPF LSM",
    fix: "boot a kernel with CONFIG_DEBUG_INFO_BTF",
    probe: probeBtf,
  },
];
