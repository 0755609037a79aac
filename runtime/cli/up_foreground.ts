/** `containerv up` at a terminal: output of all containers until they have ended, one has failed, or ^C. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import { type Ended, lookAt } from "../lifecycle/foreground.ts";
import type { Arguments } from "./arguments.ts";
import { formOf, printLines } from "./log_output.ts";
import { isTerminal, stderr } from "./output.ts";
import { endingText, graceOf } from "./project.ts";
import { bringUp, type Wanted } from "./up.ts";

/** Exit status: that of the container that failed, 125 when one could not be made, else 0. */
export async function upInForeground(wanted: Wanted, given: Arguments): Promise<number> {
  const { desired, file } = wanted;
  const stopOnFailure = given.options["--keep-going"] !== true;
  const form = formOf(desired.containers.map(({ name }) => name), { json: false });
  let asked = 0;
  using shown = lookAt(desired, {
    file,
    stopOnFailure,
    onLines: (lines) => {
      try {
        printLines(lines, form);
      } catch (error) {
        if (!(error instanceof SyscallError)) throw error;
        // Nobody reads any more: as ^C.
        ask();
      }
    },
    onEnded: (ended) => stderr(endedText(ended, asked > 0)),
  });
  const ask = (): void => {
    asked++;
    if (asked === 1 && isTerminal(2)) stderr("\nstopping; once more kills\n");
    shown.wake();
  };
  const release = listenToSignals(["SIGINT", "SIGTERM", "SIGHUP"], ask);
  try {
    const isAsked = (): boolean => asked > 0;
    const begun = await bringUp(wanted, { onOpen: shown.begin, isAborted: isAsked });
    if (begun.result === undefined) return begun.status;
    const goesOn = begun.status === 0 || !stopOnFailure;
    const { failed } = goesOn ? await shown.untilOver(isAsked) : {};
    if (failed !== undefined && stopOnFailure && desired.containers.length > 1) {
      stderr(`${failed.name} has failed: the others are stopped (--keep-going leaves them)\n`);
    }
    await shown.stop({ ...graceOf(given), hurry: () => asked > 1 });
    if (asked > 0 && failed === undefined) return 0;
    return begun.status === 0 ? failed?.ending.status ?? 0 : begun.status;
  } finally {
    release();
  }
}

const endedText = ({ name, ending }: Ended, asked: boolean): string =>
  `${asked || ending.status === 0 ? "✔" : "✘"} ${name} ${endingText(ending)}\n`;
