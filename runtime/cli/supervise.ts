/** `containerv supervise`: what `up` starts for a project whose containers need checks or restarts. Not for people. */
import { chdir } from "../../ffi/calls/path.ts";
import { setsid } from "../../ffi/calls/process.ts";
import { readInput } from "../../ffi/linux/file.ts";
import { check } from "../../ffi/linux/run.ts";
import { supervise, type SupervisorOrder } from "../lifecycle/supervise/supervisor.ts";

const ORDER_BYTES_MAX = 64 * 1024 * 1024;

export async function command(): Promise<number> {
  // Of a session of its own: the terminal that `up` was typed at takes it along no more.
  check(setsid());
  check(chdir({ path: "/" }));
  const order = JSON.parse(new TextDecoder().decode(readInput(ORDER_BYTES_MAX))) as SupervisorOrder;
  await supervise(order);
  return 0;
}
