/** Takes back, in the runner, what a stage could not: the same operations, run one call at a time. */
import { ENOENT, errnoMessage, errnoName } from "../../ffi/abi/errno.ts";
import { showCall } from "../../ffi/calls/call.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { Instruction } from "../../ffi/stage/language.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { interpret } from "./interpret.ts";
import { lowerUndoOf } from "../plan/lower.ts";
import type { Plan } from "../plan/plan.ts";

/** What is left and why; what is not there any more needs no undoing. */
export function undoInRunner(plan: Pick<Plan, "ops">): readonly ErrorFacts[] {
  const left: ErrorFacts[] = [];
  for (const { op, program } of lowerUndoOf(plan)) {
    const failed = interpret(program, callSync);
    if (failed === undefined || failed.errno === ENOENT) continue;
    left.push(leftover(failed.record, failed.errno, op.origin));
  }
  return left;
}

/**
 * Takes back what the stage, as it says, could not or did not: a call that failed once may do now. What it left in operations that
 * nothing takes back stays said.
 */
export function undoAgain(
  leftovers: readonly ErrorFacts[],
  plan: Pick<Plan, "ops">,
): readonly ErrorFacts[] {
  const isUndoable = ({ step }: ErrorFacts): boolean => {
    const op = step === undefined ? undefined : plan.ops[step.number - 1];
    return op !== undefined && lowerUndoOf({ ops: [op] }).length > 0;
  };
  return [...leftovers.filter((one) => !isUndoable(one)), ...undoInRunner(plan)];
}

function leftover(record: Instruction, errno: number, pointer: string): ErrorFacts {
  const call = record.kind === "syscall" ? showCall(record.call) : record.kind;
  return {
    code: "NOT_UNDONE",
    message: `cannot take back ${call}: ${errnoMessage(errno)}`,
    pointer,
    errno,
    syscall: `${call} = -1 ${errnoName(errno)} (${errnoMessage(errno)})`,
  };
}
