/** One health check of a container that runs. */
import { O_CLOEXEC, O_RDWR } from "../../../ffi/abi/fcntl.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { awaitChild } from "../../../ffi/linux/children.ts";
import { CLD_EXITED } from "../../../ffi/abi/signal.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { readLink } from "../../../ffi/linux/file.ts";
import { kernel } from "../../../ffi/linux/libc.ts";
import { spawnImage } from "../../../ffi/linux/spawn.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import type { DesiredContainer, DesiredHealthcheck } from "../../../spec/model/desired.ts";
import { PROBE, PROBE_TARGET_FD, probeProgram } from "../../plan/probe.ts";
import { openProcess, type ProcessIdentity } from "../../state/identity.ts";
import { startExec } from "../exec.ts";

/** What is looked at. */
export interface CheckTarget {
  readonly container: DesiredContainer;
  readonly process: ProcessIdentity;
}

/** True when the container passes. Never rejects for a container that ended meanwhile: that one does not pass. */
export async function runCheck(check: DesiredHealthcheck, target: CheckTarget): Promise<boolean> {
  using pidfd = openProcess(target.process);
  if (pidfd === undefined) return false;
  if (check.test.kind === "exec") return await runProgram(check, check.test.exec, target);
  return await probe(check, pidfd, target);
}

const openNull = (): Fd => Fd.open(openat({ pathname: "/dev/null", flags: O_RDWR | O_CLOEXEC }));

async function runProgram(
  check: DesiredHealthcheck,
  exec: readonly string[],
  { container, process }: CheckTarget,
): Promise<boolean> {
  using none = openNull();
  const command = {
    exec,
    shell: false,
    once: false,
    timeoutMs: check.timeoutMs,
    origin: check.origin,
  };
  const stdio = [none.number, none.number, none.number] as const;
  const target = { ...process, name: container.name, container };
  const { ended } = startExec(target, command, { announce: false, stdio });
  const outcome = await ended;
  return outcome.reason === "exited" && outcome.status === 0;
}

async function probe(
  { test, timeoutMs }: DesiredHealthcheck,
  pidfd: Fd,
  { process }: CheckTarget,
): Promise<boolean> {
  if (test.kind === "exec") throw new RangeError("a program is no port");
  const program = probeProgram({
    port: test.port,
    timeoutMs,
    userNamespace: readLink(`/proc/${process.pid}/ns/user`) !== readLink("/proc/self/ns/user"),
    ...(test.kind === "http" ? { path: test.path } : {}),
  });
  using none = openNull();
  const pid = spawnImage({
    image: encode(program, kernel().seam.architecture).image,
    name: "containerv-probe",
    argv: ["containerv-probe"],
    fds: [
      { from: none.number, to: 0 },
      { from: none.number, to: 1 },
      { from: none.number, to: 2 },
      { from: pidfd.number, to: PROBE_TARGET_FD },
    ],
  });
  const { code, status } = await awaitChild(pid);
  return code === CLD_EXITED && status === PROBE.passed;
}
