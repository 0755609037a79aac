/** A plan as a program of the stage: who runs what, where failures go, and how everything is taken back. */
import { showCall, type Syscall } from "../../ffi/calls/call.ts";
import { exitGroup } from "../../ffi/calls/process.ts";
import type { Instruction, Program } from "../../ffi/stage/language.ts";
import { type Emitter, FAIL, result, UNDO } from "./emitter.ts";
import type { Op } from "./ops/registry.ts";
import { definition } from "./ops/registry.ts";
import { processLabel, sendReport } from "./ops/supervise.ts";
import type { Plan } from "./plan.ts";
import { STAGE_FAILED } from "./report.ts";

/** Where and why a call failed: the two words of the report. */
const ERROR = { a: result("error.record"), b: result("error.errno") } as const;

/**
 * The layout of the program:
 *
 *     operations of the stage, in order; `clone` sends the child to `container`
 *     undo chain, last first, entered at the depth that was reached
 *     stage.fail: report, go to the chain
 *     container: its operations; then either the one command, or PID 1's loop and each command's process
 *     container.fail: report; container.end: exit
 */
export function lowerPlan(plan: Plan): Program {
  const out: Instruction[] = [];
  const step = new Map(plan.ops.map((op, index) => [op, index]));
  const lower = (op: Op, where: keyof typeof FAIL, index = step.get(op) ?? 0): void =>
    definition(op).lower(op, emitter(out, index, FAIL[where]));
  const stage = plan.ops.filter((op) => op.where === "stage");
  const undoable = lowerStage(out, stage, lower);
  if (plan.lasting === true) out.push(setDepth(0));
  lowerUndo(out, undoable, (op, of) => lower(op, "stage", step.get(of) ?? 0));
  lowerContainer(out, plan.ops, lower);
  return { instructions: out };
}

/** Emits the stage's operations; the slot `depth` counts those that can be taken back. */
function lowerStage(
  out: Instruction[],
  stage: readonly Op[],
  lower: (op: Op, where: "stage") => void,
): readonly Op[] {
  const undoable: Op[] = [];
  let depthOfClone = 0;
  for (const op of stage) {
    lower(op, "stage");
    // Once it was waited for, the container needs no end.
    if (op.kind === "watch") out.push(setDepth(depthOfClone - 1));
    if (undoOps(op).length === 0) continue;
    undoable.push(op);
    out.push(setDepth(undoable.length));
    if (op.kind === "clone" || op.kind === "join.clone") depthOfClone = undoable.length;
  }
  return undoable;
}

/** What takes an operation back. */
export function undoOps(op: Op): readonly Op[] {
  return definition(op).undo?.(op) ?? [];
}

function setDepth(depth: number): Instruction {
  return { kind: "add", into: "depth", left: depth, right: 0 };
}

// The depth goes down before each undo: an undo that fails reports itself and the chain goes on below it.
function lowerUndo(
  out: Instruction[],
  undoable: readonly Op[],
  lower: (op: Op, of: Op) => void,
): void {
  const last = emitter(out, 0, FAIL.stage);
  out.push({ kind: "label", name: UNDO });
  for (let depth = undoable.length; depth > 0; depth--) {
    const op = undoable[depth - 1];
    if (op === undefined) continue;
    const below = `stage.undo ${depth - 1}`;
    out.push(
      { kind: "branch", when: "less", left: result("depth"), right: depth, to: below },
      setDepth(depth - 1),
    );
    for (const undo of undoOps(op)) lower(undo, op);
    out.push({ kind: "label", name: below });
  }
  sendReport(last, "undone", { from: "stage" });
  last.call(exitGroup({ status: 0 }));
  out.push({ kind: "label", name: FAIL.stage });
  sendReport(last, "failed", { from: "stage", ...ERROR });
  out.push({ kind: "jump", to: UNDO });
}

function lowerContainer(
  out: Instruction[],
  ops: readonly Op[],
  lower: (op: Op, where: "container") => void,
): void {
  const own = ops.filter((op) => op.where === "container");
  const processes = ops.filter((op) => op.where === "process");
  out.push({ kind: "label", name: "container" });
  for (const op of own) lower(op, "container");
  const commands = [...new Set(processes.map((op) => op.command ?? 0))];
  for (const index of commands) {
    out.push({ kind: "label", name: processLabel(index) });
    for (const op of processes) if ((op.command ?? 0) === index) lower(op, "container");
  }
  const last = emitter(out, 0, FAIL.container);
  out.push({ kind: "label", name: FAIL.container });
  sendReport(last, "failed", { from: "container", ...ERROR });
  out.push({ kind: "label", name: "container.end" });
  last.call(exitGroup({ status: STAGE_FAILED }));
}

/** An emitter of a program; `step` is the operation of the plan that its records belong to. */
export function emitter(out: Instruction[], step: number, fail: string): Emitter {
  return {
    call: (call, options = {}) =>
      out.push({
        kind: "syscall",
        call,
        step,
        onError: options.onError ?? fail,
        ...(options.into === undefined ? {} : { into: options.into }),
      }),
    add: (...instructions) => out.push(...instructions),
    // Unique: an operation asks for one name once at one place, and the list only grows.
    label: (name) => `${name} ${step}.${out.length}`,
  };
}

/** The undo operations of a plan, last first, each as a program of its own: for a runner whose stage is dead. */
export function lowerUndoOf(plan: Pick<Plan, "ops">): readonly { op: Op; program: Program }[] {
  const undo = plan.ops.flatMap((op) => undoOps(op)).filter((op) => op.kind !== "end").reverse();
  return undo.map((op) => {
    const instructions: Instruction[] = [];
    definition(op).lower(op, emitter(instructions, 0, FAIL.stage));
    return { op, program: { instructions } };
  });
}

/** The calls of an operation, in order, alternatives included: what `plan --calls` prints. */
export function callsOf(op: Op): readonly Syscall[] {
  const out: Instruction[] = [];
  definition(op).lower(op, emitter(out, 0, op.where === "stage" ? FAIL.stage : FAIL.container));
  return out.flatMap((instruction) => instruction.kind === "syscall" ? [instruction.call] : []);
}

/** As `callsOf`, as strace prints them. */
export function showCalls(op: Op): readonly string[] {
  return callsOf(op).map(showCall);
}
