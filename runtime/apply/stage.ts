/** Starts an encoded program, talks to it, and reads what it reports. Knows no subject. */
import { EAGAIN, EINTR } from "../../ffi/abi/errno.ts";
import { AF_UNIX, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_SEQPACKET } from "../../ffi/abi/socket.ts";
import { close } from "../../ffi/calls/open.ts";
import { recvfrom, sendto, socketpair } from "../../ffi/calls/socket.ts";
import { callSync, check, readCell } from "../../ffi/linux/run.ts";
import { spawnImage } from "../../ffi/linux/spawn.ts";
import { CONTROL_FD, decodeReport, type Report, REPORT_BYTES } from "../plan/report.ts";

/** Descriptors of the runner that become the container's standard input, output and error. */
export type Stdio = readonly [number, number, number];

export interface Stage {
  readonly pid: number;
  /** The runner's end of the control socket. */
  readonly control: number;
}

const PAIR = { cell: "control pair", size: 8 } as const;
const MESSAGE = { cell: "control message", size: REPORT_BYTES } as const;

/** Throws SyscallError when it could not be started; then nothing is left. */
export function startStage(image: Uint8Array, stdio: Stdio): Stage {
  check(
    socketpair({ domain: AF_UNIX, type: SOCK_SEQPACKET | SOCK_CLOEXEC, protocol: 0, sv: PAIR }),
  );
  const pair = new DataView(readCell(PAIR).slice().buffer);
  const control = pair.getInt32(0, true);
  const theirs = pair.getInt32(4, true);
  try {
    const pid = spawnImage({
      image,
      name: "containerv",
      argv: ["containerv"],
      fds: [...stdio.map((from, to) => ({ from, to })), { from: theirs, to: CONTROL_FD }],
    });
    return { pid, control };
  } catch (error) {
    callSync(close({ fd: control }));
    throw error;
  } finally {
    callSync(close({ fd: theirs }));
  }
}

/** Every report that has arrived, without waiting. */
export function drainReports(stage: Stage): readonly Report[] {
  const reports: Report[] = [];
  for (;;) {
    const count = Number(callSync(
      recvfrom({ sockfd: stage.control, buf: MESSAGE, len: REPORT_BYTES, flags: MSG_DONTWAIT }),
    ));
    if (count === -EINTR) continue;
    if (count === -EAGAIN || count <= 0) return reports;
    const report = decodeReport(readCell(MESSAGE).slice(0, count));
    if (report !== undefined) reports.push(report);
  }
}

/** Sends a signal to the container's first process; a container that is gone takes none. */
export function sendSignal(stage: Stage, signal: number): void {
  const message = new Uint8Array(8);
  new DataView(message.buffer).setUint32(0, signal, true);
  callSync(sendto({ sockfd: stage.control, buf: message, flags: MSG_DONTWAIT }));
}

/** Closes the control socket: a stage that still runs sees the end of file and ends the container. */
export function releaseStage(stage: Stage): void {
  callSync(close({ fd: stage.control }));
}
