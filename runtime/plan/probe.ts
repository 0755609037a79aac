/**
 * A look at a port of a container from inside of its network, as a program of the stage's language: it joins that one namespace,
 * connects, and says by its exit status whether somebody answered. Nothing of the container's files or processes is touched,
 * and nothing of the probe can be seen there.
 */
import { POLLIN } from "../../ffi/abi/poll.ts";
import {
  AF_INET,
  AF_INET6,
  MSG_DONTWAIT,
  MSG_WAITALL,
  SOCK_CLOEXEC,
  SOCK_STREAM,
} from "../../ffi/abi/socket.ts";
import { CLONE_NEWNET, CLONE_NEWUSER } from "../../ffi/abi/sched.ts";
import { ITIMER_REAL } from "../../ffi/abi/timerfd.ts";
import type { Cell } from "../../ffi/calls/call.ts";
import { close, closeRange } from "../../ffi/calls/open.ts";
import { ppoll } from "../../ffi/calls/poll.ts";
import { exitGroup, setns } from "../../ffi/calls/process.ts";
import { connect, loopbackAddress, recvfrom, sendto, socket } from "../../ffi/calls/socket.ts";
import { setitimer } from "../../ffi/calls/timer.ts";
import type { Instruction, Program } from "../../ffi/stage/language.ts";
import { result } from "./emitter.ts";
import { emitter } from "./lower.ts";

export interface ProbeOptions {
  readonly port: number;
  /** Absent: a connection is enough. Else the answer to a GET of it must be 2xx or 3xx. */
  readonly path?: string;
  /** After as long SIGALRM ends the probe. */
  readonly timeoutMs: number;
  /** The network belongs to another user namespace, which has to be joined with it. */
  readonly userNamespace: boolean;
}

/** Pidfd of the container's first process. */
export const PROBE_TARGET_FD = 3;

/** Exit status of a probe: whether somebody answered as he should. */
export const PROBE = { passed: 0, failed: 1 } as const;

const AT = { fail: "probe.fail", connected: "probe.connected" } as const;

export function probeProgram(options: ProbeOptions): Program {
  const out: Instruction[] = [];
  const to = emitter(out, 0, AT.fail);
  const { port, timeoutMs } = options;
  to.call(closeRange({ first: PROBE_TARGET_FD + 1, last: 0xffffffff }));
  const value = { sec: Math.floor(timeoutMs / 1000), usec: Math.ceil((timeoutMs % 1000) * 1000) };
  to.call(setitimer({ which: ITIMER_REAL, value }));
  const nstype = CLONE_NEWNET | (options.userNamespace ? CLONE_NEWUSER : 0n);
  to.call(setns({ fd: PROBE_TARGET_FD, nstype }));
  for (const [domain, family] of [[AF_INET, "inet"], [AF_INET6, "inet6"]] as const) {
    const next = to.label("next");
    const refused = to.label("refused");
    // A kernel without IPv6 has no such socket: then the other family decides.
    to.call(socket({ domain, type: SOCK_STREAM | SOCK_CLOEXEC, protocol: 0 }), {
      into: "socket",
      onError: next,
    });
    const addr = loopbackAddress({ family, port });
    to.call(connect({ sockfd: result("socket"), addr }), { onError: refused });
    to.add({ kind: "jump", to: AT.connected }, { kind: "label", name: refused });
    to.call(close({ fd: result("socket") }), { onError: "continue" });
    to.add({ kind: "label", name: next });
  }
  to.add({ kind: "jump", to: AT.fail }, { kind: "label", name: AT.connected });
  if (options.path !== undefined) askForPage(to, options.path);
  to.call(exitGroup({ status: PROBE.passed }));
  to.add({ kind: "label", name: AT.fail });
  to.call(exitGroup({ status: PROBE.failed }), { onError: "continue" });
  return { instructions: out };
}

/** `HTTP/1.1 200`: the status begins at the tenth byte. */
const STATUS_AT = 9;
const ANSWER: Cell = { cell: "answer", size: 16 };
const HTTP = 0x50545448; // "HTTP", little-endian

function askForPage(to: ReturnType<typeof emitter>, path: string): void {
  const buf = new TextEncoder().encode(
    `GET ${encodeURI(path)} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: containerv\r\n\r\n`,
  );
  to.call(sendto({ sockfd: result("socket"), buf }));
  const count = STATUS_AT + 3;
  to.call(recvfrom({ sockfd: result("socket"), buf: ANSWER, len: count, flags: MSG_WAITALL }), {
    into: "count",
  });
  const good = to.label("good");
  to.add(
    { kind: "branch", when: "less", left: result("count"), right: count, to: AT.fail },
    { kind: "load", into: "protocol", address: ANSWER, width: 4 },
    { kind: "load", into: "status", address: { ...ANSWER, offset: STATUS_AT }, width: 1 },
  );
  const proven = to.label("http");
  to.add(
    { kind: "branch", when: "equal", left: result("protocol"), right: HTTP, to: proven },
    { kind: "jump", to: AT.fail },
    { kind: "label", name: proven },
  );
  for (const first of ["2", "3"]) {
    const right = first.charCodeAt(0);
    to.add({ kind: "branch", when: "equal", left: result("status"), right, to: good });
  }
  to.add({ kind: "jump", to: AT.fail }, { kind: "label", name: good });
  drain(to);
}

const REST: Cell = { cell: "rest", size: 4096 };
const POLLED: Cell = { cell: "polled", size: 8 };
const DRAIN_READS = 64;
const DRAIN_WAIT_MS = 50;

/** Takes what else comes at once: closed with bytes unread the server would be told of an error. */
function drain(to: ReturnType<typeof emitter>): void {
  const [again, done] = [to.label("rest"), to.label("all")];
  to.add(
    { kind: "store", value: result("socket"), address: POLLED, width: 4 },
    { kind: "store", value: POLLIN, address: { ...POLLED, offset: 4 }, width: 2 },
    { kind: "label", name: again },
    { kind: "branch", when: "less", left: DRAIN_READS - 1, right: result("reads"), to: done },
    { kind: "add", into: "reads", left: result("reads"), right: 1 },
  );
  to.call(ppoll({ fds: POLLED, nfds: 1, timeout: { sec: 0, nsec: DRAIN_WAIT_MS * 1_000_000 } }), {
    into: "ready",
    onError: done,
  });
  to.add({ kind: "branch", when: "equal", left: result("ready"), right: 0, to: done });
  to.call(recvfrom({ sockfd: result("socket"), buf: REST, flags: MSG_DONTWAIT }), {
    into: "count",
    onError: done,
  });
  to.add(
    { kind: "branch", when: "less", left: 0, right: result("count"), to: again },
    { kind: "label", name: done },
  );
}
