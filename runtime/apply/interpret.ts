/** Runs a straight program of the stage's language in the runner: for undoing, when the stage is dead. */
import type { Syscall, Word } from "../../ffi/calls/call.ts";
import type { BranchRecord, Instruction, Program } from "../../ffi/stage/language.ts";
import { FAIL } from "../plan/emitter.ts";

type Results = Map<string, number>;

/** Gives the raw result of the kernel. */
export type CallFunction = (call: Syscall, results: Results) => number | bigint;

/** A program that loops for ever is a fault of ours. */
const STEPS_MAX = 100_000;

/**
 * Runs `program` to its end or to its failure: the record whose call failed and its errno. Only calls, additions, branches
 * and jumps: undo operations have no memory.
 */
export function interpret(
  program: Program,
  call: CallFunction,
): { record: Instruction; errno: number } | undefined {
  const { instructions } = program;
  const labels = new Map<string, number>();
  instructions.forEach((one, index) => {
    if (one.kind === "label") labels.set(one.name, index);
  });
  const results: Results = new Map();
  let failed: Instruction | undefined;
  let at = 0;
  for (let step = 0; at < instructions.length; step++) {
    if (step > STEPS_MAX) throw new Error("an undo program does not end");
    const one = instructions[at++];
    if (one === undefined || one.kind === "label") continue;
    let to: string | undefined;
    if (one.kind === "jump") to = one.to;
    else if (one.kind === "branch") to = branchTarget(one, results);
    else if (one.kind === "add") {
      results.set(one.into, value(one.left, results) + value(one.right, results));
    } else if (one.kind === "syscall") {
      const result = Number(call(one.call, results));
      if (one.into !== undefined) results.set(one.into, result);
      if (result >= 0 || one.onError === "continue") continue;
      failed = one;
      results.set("error.errno", -result);
      to = one.onError;
    } else throw new Error(`an undo program can't ${one.kind}`);
    if (to === undefined) continue;
    if (to === FAIL.stage) return { record: failed ?? one, errno: results.get("error.errno") ?? 0 };
    at = labels.get(to) ?? instructions.length;
  }
  return undefined;
}

function branchTarget(branch: BranchRecord, results: Results): string | undefined {
  const left = value(branch.left, results);
  const right = value(branch.right, results);
  const taken = branch.when === "equal" ? left === right : left < right;
  return taken ? branch.to : undefined;
}

function value(word: Word, results: Results): number {
  if (typeof word === "number") return word;
  if (typeof word === "bigint") return Number(word);
  if ("result" in word) return results.get(word.result) ?? 0;
  throw new Error("an undo program has no memory");
}
