/** What every start needs: calls of the kernel, an executable memfd, namespaces. */
import { EBADF, EINVAL } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from "../../ffi/abi/fcntl.ts";
import { RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "../../ffi/abi/openat2.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
} from "../../ffi/abi/sched.ts";
import { close, closeRange, openat2 } from "../../ffi/calls/open.ts";
import { pidfdOpen, pidfdSendSignal } from "../../ffi/calls/pidfd.ts";
import { exitGroup } from "../../ffi/calls/process.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { imageFile } from "../../ffi/linux/spawn.ts";
import { encode } from "../../ffi/stage/encode.ts";
import type { Host } from "../plan/host.ts";
import {
  type Feature,
  type FeatureAnswer,
  hidden,
  refused,
  sysctl,
  tryOpen,
  YES,
} from "./features_probe.ts";
import { asRoot, runProbe } from "./features_program.ts";

export const NEW_KERNEL =
  "boot Linux 5.15 or newer; Debian, Ubuntu: sudo apt-get dist-upgrade && sudo reboot";
const START = { group: "start", required: true, needs: "nothing", fix: NEW_KERNEL } as const;

function probeCloseRange(): FeatureAnswer {
  // An empty range above all descriptors: nothing is closed.
  const call = closeRange({ first: 0x7fffffff, last: 0x7fffffff });
  const result = Number(callSync(call));
  return result < 0 ? hidden(call, -result) : YES;
}

function probePidfd(): FeatureAnswer {
  const open = pidfdOpen({ pid: process.pid });
  const pidfd = Number(callSync(open));
  if (pidfd < 0) return hidden(open, -pidfd);
  const signal = pidfdSendSignal({ pidfd, sig: 0 });
  const result = Number(callSync(signal));
  callSync(close({ fd: pidfd }));
  return result < 0 ? hidden(signal, -result) : YES;
}

function probeClone3(host: Host): FeatureAnswer {
  const end = runProbe({ flags: 0n, calls: [] }, host);
  if (end.kind === "done") return YES;
  return end.kind === "lost" ? { state: "unknown", detail: end.why } : hidden(end.call, end.errno);
}

/** A stage that does nothing but end. */
function smallImage(host: Host): Uint8Array {
  const call = exitGroup({ status: 0 });
  const instructions = [{ kind: "syscall", call, onError: "continue", step: 0 }] as const;
  return encode({ instructions }, host.architecture).image;
}

function probeMemfd(host: Host): FeatureAnswer {
  const value = sysctl("vm.memfd_noexec");
  const detail = value === undefined ? {} : { detail: `vm.memfd_noexec = ${value}` };
  const end = runProbe({ flags: 0n, calls: [] }, host);
  if (end.kind !== "lost") return { state: "yes", ...detail };
  return { state: "no", detail: [end.why, detail.detail].filter(Boolean).join("; ") };
}

function probeSeal(host: Host): FeatureAnswer {
  try {
    const { fd, execSealed } = imageFile({ image: smallImage(host), name: "containerv" });
    fd[Symbol.dispose]();
    return execSealed ? YES : { state: "no", detail: "the kernel does not know this seal" };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return { state: "unknown", detail: error.message };
  }
}

const ALL = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
  CLONE_NEWCGROUP;

function probeNamespaces(host: Host): FeatureAnswer {
  const end = runProbe({ flags: asRoot(host, ALL), calls: [] }, host);
  if (end.kind === "done") return YES;
  if (end.kind === "lost") return { state: "unknown", detail: end.why };
  const answer = refused(end.call, end.errno);
  if (end.errno !== EINVAL && end.errno !== EBADF) return answer;
  return { ...answer, detail: `${answer.detail}: the kernel was built without one of them` };
}

/** Rows about what every start needs. */
export const CALL_FEATURES: readonly Feature[] = [
  {
    ...START,
    name: "openat2",
    since: "5.6",
    gives: "paths that a layer controls can't lead out of the root",
    without: "no container starts",
    probe: () =>
      tryOpen(openat2({
        pathname: "/",
        flags: O_PATH | O_DIRECTORY | O_CLOEXEC,
        resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
      })),
  },
  {
    ...START,
    name: "close_range",
    since: "5.9",
    gives: "no descriptor of the runner reaches the container",
    without: "no container starts",
    probe: probeCloseRange,
  },
  {
    ...START,
    name: "pidfd",
    since: "5.3",
    gives: "no process is ever taken for another one",
    without: "no container starts",
    probe: probePidfd,
  },
  {
    ...START,
    name: "executable memfd",
    needs: "vm.memfd_noexec is not 2",
    gives: "the stage lies in memory, sealed: nobody can change it",
    without: "no container starts",
    fix: "sudo sysctl -w vm.memfd_noexec=1",
    probe: probeMemfd,
  },
  {
    ...START,
    name: "F_SEAL_EXEC",
    since: "6.3",
    gives: "a container can't take the x bits from the stage it was started by",
    without: "such a container harms nobody but itself: each has a stage of its own",
    fix: NEW_KERNEL.replace("5.15", "6.3"),
    required: false,
    probe: probeSeal,
  },
  {
    ...START,
    name: "clone3",
    since: "5.3",
    gives: "namespaces, the group and a pidfd in one call",
    without: "no container starts",
    probe: probeClone3,
  },
  {
    ...START,
    name: "namespaces",
    since: "4.6",
    needs: "CAP_SYS_ADMIN, or a user namespace",
    gives: "mounts, processes, network, host name, IPC and groups of its own",
    without: "no container starts",
    fix: "sudo containerv run FILE, or see user namespaces below",
    probe: probeNamespaces,
  },
];
