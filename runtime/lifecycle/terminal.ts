/** This program's own terminal while a container has one that is shown on it. */
import { TCGETS, TCSETS } from "../../ffi/abi/ioctl.ts";
import { TERMIOS } from "../../ffi/abi/termbits.ts";
import { ioctl } from "../../ffi/calls/ioctl.ts";
import { callSync, failed } from "../../ffi/linux/run.ts";

const SETTINGS = { cell: "terminal settings before", size: TERMIOS.size } as const;

/**
 * Waits until this program may use its terminal; the result gives the terminal its settings back, for when a stage that changed
 * them was killed. A program that was started in the background is stopped here (SIGTTOU) until it is brought to the front: its
 * stage is in no session that the kernel would ask about.
 */
export function holdTerminal(): () => void {
  if (failed(callSync(ioctl({ fd: 0, request: TCGETS, arg: SETTINGS })))) return () => {};
  const set = (): void => {
    callSync(ioctl({ fd: 0, request: TCSETS, arg: SETTINGS }));
  };
  set();
  return set;
}
