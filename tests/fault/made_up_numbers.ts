/** System calls that fail as they are told to: numbers that no kernel has, answered by a seccomp filter of the tests' own. */
import { seccompSetModeFilter } from "../../ffi/calls/seccomp.ts";
import { callSync } from "../../ffi/linux/run.ts";

/** A call of this number + errno fails with that errno. */
export const FIRST_MADE_UP = 0x4000;

let answers = false;

/** From now on, for this process and all that it starts. seccomp_data.nr is the first word: [0x4000, 0x5000) gives its last 12 bits. */
export function answerMadeUpNumbers(): void {
  if (answers) return;
  const allow = [0x06, 0, 0, 0x7fff0000] as const;
  const program = [
    [0x20, 0, 0, 0],
    [0x35, 1, 0, FIRST_MADE_UP],
    allow,
    [0x35, 0, 1, FIRST_MADE_UP + 0x1000],
    allow,
    [0x54, 0, 0, 0xfff],
    [0x44, 0, 0, 0x00050000],
    [0x16, 0, 0, 0],
  ] as const;
  const filter = new Uint8Array(program.length * 8);
  const view = new DataView(filter.buffer);
  program.forEach(([code, jt, jf, k], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  const result = Number(callSync(seccompSetModeFilter({ flags: 0, filter })));
  if (result !== 0) throw new Error(`seccomp: errno ${-result}`);
  answers = true;
}
