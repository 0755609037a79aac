/** Whether a signal can mean anything to a process. Changes nothing. */
import { glance } from "../../ffi/linux/glance.ts";

/**
 * True when the process is the first of its pid namespace and has no handler for the signal: the kernel drops it then, whatever its
 * default action is. Source: pid_namespaces(7), "The namespace init process"; proc_pid_status(5), SigCgt and NSpid.
 */
export function isDeaf(pid: number, signal: number): boolean {
  const status = glance(`/proc/${pid}/status`) ?? "";
  if (!/^NSpid:.*\t1$/m.test(status)) return false;
  const caught = /^SigCgt:\t([0-9a-f]+)$/m.exec(status)?.[1];
  return caught !== undefined && (BigInt(`0x${caught}`) >> BigInt(signal - 1) & 1n) === 0n;
}
