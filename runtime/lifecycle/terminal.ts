/** This program's own terminal while a container has one that is shown on it. */
import { TCGETS, TCSETS } from "../../ffi/abi/ioctl.ts";
import { IUTF8, TERMIOS, VMIN, VTIME } from "../../ffi/abi/termbits.ts";
import { ioctl } from "../../ffi/calls/ioctl.ts";
import { callSync, failed, readCell, writeCell } from "../../ffi/linux/run.ts";

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

const CHANGED = { cell: "terminal settings raw here", size: TERMIOS.size } as const;

/** After `holdTerminal`: every key comes as it is, and what is written is shown as it is. */
export function makeRaw(): void {
  const bytes = readCell(SETTINGS).slice();
  const view = new DataView(bytes.buffer);
  const { c_iflag, c_oflag, c_lflag, c_cc } = TERMIOS.fields;
  view.setUint32(c_iflag.offset, IUTF8, true);
  view.setUint32(c_oflag.offset, 0, true);
  view.setUint32(c_lflag.offset, 0, true);
  bytes[c_cc.offset + VMIN] = 1;
  bytes[c_cc.offset + VTIME] = 0;
  writeCell(CHANGED, bytes);
  callSync(ioctl({ fd: 0, request: TCSETS, arg: CHANGED }));
}
