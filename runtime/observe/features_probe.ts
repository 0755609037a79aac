/** What a feature is, and what the probes share. */
import { EACCES, ENOENT, ENOSYS, EPERM, errnoName } from "../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK } from "../../ffi/abi/fcntl.ts";
import { showCall, type Syscall } from "../../ffi/calls/call.ts";
import { close, openat } from "../../ffi/calls/open.ts";
import { SyscallError } from "../../ffi/linux/error.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { Host } from "../plan/host.ts";

export interface FeatureAnswer {
  /** `unknown`: it could not be asked; the detail says why. */
  readonly state: "yes" | "no" | "unknown";
  /** What was seen. */
  readonly detail?: string;
  /** What to do here, where it is another thing than what the table says. */
  readonly fix?: string;
}

export type FeatureGroup = "start" | "rootfs" | "limits" | "no root" | "policy" | "network" | "vm";

/** A row of the table. Texts are for users: short, without a full stop. */
export interface Feature {
  readonly name: string;
  readonly group: FeatureGroup;
  /** First kernel that has it; absent: it is a matter of configuration. */
  readonly since?: string;
  /** What the kernel or the user must have for it. */
  readonly needs: string;
  /** What it is used for. */
  readonly gives: string;
  /** What its lack costs the user. */
  readonly without: string;
  /** The command that gets it. */
  readonly fix: string;
  /** Nothing runs without it. */
  readonly required: boolean;
  /** Tries it. Changes nothing that outlives the call. */
  readonly probe: (host: Host) => FeatureAnswer;
}

export const YES: FeatureAnswer = { state: "yes" };

/** A call and its failure, as strace prints them: `openat2(…) = ENOSYS`. */
export function showFailure(call: Syscall, errno: number): string {
  return `${showCall(call)} = ${errnoName(errno)}`;
}

/** What a failed call says of a feature that it needs. */
export function refused(call: Syscall, errno: number): FeatureAnswer {
  if (errno === ENOSYS) return { state: "no", detail: `the kernel has no ${call.name}` };
  return { state: "no", detail: showFailure(call, errno) };
}

/** The same for a call that needs no right: kernels refuse it to nobody, filters of an outer container do. */
export function hidden(call: Syscall, errno: number): FeatureAnswer {
  const answer = refused(call, errno);
  if (errno !== EPERM) return answer;
  return {
    ...answer,
    detail: `${answer.detail}: a seccomp filter forbids it`,
    fix: "start the container that this runs in with --security-opt seccomp=unconfined",
  };
}

/** Runs a call that gives a descriptor, closes it, and tells what it said. */
export function tryOpen(call: Syscall): FeatureAnswer {
  const fd = Number(callSync(call));
  if (fd < 0) return hidden(call, -fd);
  callSync(close({ fd }));
  return YES;
}

/** A device that must be there and open for this user. */
export function tryDevice(
  pathname: string,
  options: { readonly flags: number; readonly absent: string; readonly denied: string },
): FeatureAnswer {
  const call = openat({ pathname, flags: options.flags | O_CLOEXEC | O_NONBLOCK });
  const fd = Number(callSync(call));
  if (fd >= 0) {
    callSync(close({ fd }));
    return { state: "yes", detail: pathname };
  }
  if (fd === -ENOENT) return { state: "no", detail: `no ${pathname}`, fix: options.absent };
  if (fd === -EACCES || fd === -EPERM) {
    return { state: "no", detail: `${pathname} is closed to this user`, fix: options.denied };
  }
  return { state: "no", detail: showFailure(call, -fd), fix: options.absent };
}

/** A text of /proc, /sys or /etc; `undefined` when it is not there, the failure when it may not be read. */
export function readText(path: string): string | undefined | SyscallError {
  try {
    return readFile(path)?.trim();
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
}

/** Value of a sysctl; `undefined` when this kernel has none of that name, or it may not be read. */
export function sysctl(name: string): string | undefined {
  const text = readText(`/proc/sys/${name.replaceAll(".", "/")}`);
  return typeof text === "string" ? text : undefined;
}
