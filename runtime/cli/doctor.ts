/** `containerv doctor`: what this machine and this user can have. */
import { factsOf } from "../apply/facts.ts";
import { plan, run } from "../lifecycle/library.ts";
import { probeFeatures } from "../observe/features.ts";
import { observeHost } from "../observe/host.ts";
import type { ErrorFacts } from "../plan/error.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { type Diagnosis, showDoctor, type Trial } from "../show/doctor.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { isTerminal, stdout } from "./output.ts";

/** A container of the defaults does not run here. */
const DOES_NOT_RUN = 1;

export async function command({ operands, options }: Arguments): Promise<number> {
  if (operands.length > 0) throw new UsageError(`doctor takes no ${operands[0]}`);
  const host = observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
  const trial = await tryRun();
  const diagnosis: Diagnosis = { host, trial, features: probeFeatures(host) };
  stdout(
    options["--json"] === true
      ? `${JSON.stringify(diagnosis, null, 2)}\n`
      : showDoctor(diagnosis, { color: isTerminal(1) && process.env["NO_COLOR"] === undefined }),
  );
  return trial.works ? 0 : DOES_NOT_RUN;
}

/** The defaults, with a command that every system has. */
const SPEC = { name: "doctor", commands: [["/bin/sh", "-c", "exit 0"]] };

/** The proof: a container is really run, to its end. */
async function tryRun(): Promise<Trial> {
  let losses: readonly string[] = [];
  try {
    losses = (await plan(SPEC)).losses.map(({ message }) => message);
    const { code, stderr } = await run(SPEC);
    if (code === 0) return { works: true, losses };
    return { works: false, losses, why: `exit ${code}: ${stderr.trim()}` };
  } catch (error) {
    return { works: false, losses, ...reasonOf(factsOf(error)) };
  }
}

function reasonOf(facts: ErrorFacts): { readonly why: string; readonly fix?: string } {
  const { message, syscall } = facts;
  const why = syscall === undefined || message.includes(syscall)
    ? message
    : `${message}: ${syscall}`;
  return { why, ...(facts.fix === undefined ? {} : { fix: facts.fix }) };
}
