/** Words for the service manager that started this program. Source: sd_notify(3), "Notes" (the protocol). */
import { AF_UNIX, SOCK_CLOEXEC } from "../../ffi/abi/socket.ts";
import { MSG_NOSIGNAL, SOCK_DGRAM } from "../../ffi/abi/socket.ts";
import { connect, sendto, socket, unixAddress } from "../../ffi/calls/socket.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { callSync, check } from "../../ffi/linux/run.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Says it in a datagram to $NOTIFY_SOCKET (a path, or `@` and an abstract name). Without one nobody listens. Throws SyscallError. */
export function notifyManager(text: string, environment: Environment = process.env): void {
  const address = environment["NOTIFY_SOCKET"];
  if (address === undefined || !/^[/@]./.test(address)) return;
  using fd = Fd.open(socket({ domain: AF_UNIX, type: SOCK_DGRAM | SOCK_CLOEXEC, protocol: 0 }));
  check(connect({ sockfd: fd.number, addr: unixAddress(address) }));
  // A manager whose queue is full learns it the next time.
  callSync(sendto({ sockfd: fd.number, buf: new TextEncoder().encode(text), flags: MSG_NOSIGNAL }));
}

/** `WATCHDOG=1` at half of the time that the manager asks for, if it does; the result ends that. */
export function feedWatchdog(environment: Environment = process.env): () => void {
  const usec = Number(environment["WATCHDOG_USEC"]);
  const pid = environment["WATCHDOG_PID"];
  const meant = pid === undefined || Number(pid) === process.pid;
  if (!meant || !Number.isSafeInteger(usec) || usec <= 0) return () => {};
  const timer = setInterval(() => notifyManager("WATCHDOG=1", environment), usec / 2000);
  return () => clearInterval(timer);
}
