/** `containerv doctor`: what this machine and this user can have. */
import { observeHost } from "../observe/host.ts";
import { probeFeatures } from "../observe/features.ts";
import { run } from "../lifecycle/library.ts";
import { factsOf } from "../apply/facts.ts";
import { SYSTEM_ROOTS } from "../plan/system_roots.ts";
import { type Diagnosis, showDoctor } from "../show/doctor.ts";
import { LIMITS } from "../subjects/limits/compile.ts";
import type { Host } from "../plan/host.ts";
import type { Arguments } from "./arguments.ts";
import { stdout } from "./output.ts";

/** A container of the defaults does not run here. */
const DOES_NOT_RUN = 1;

export async function command({ options }: Arguments): Promise<number> {
  const host = observeHost({ cgroups: true, roots: SYSTEM_ROOTS });
  const trial = await tryRun();
  const diagnosis: Diagnosis = {
    host,
    features: probeFeatures(),
    trial,
    limits: heldLimits(host),
  };
  stdout(
    options["--json"] === true ? `${JSON.stringify(diagnosis, null, 2)}\n` : showDoctor(diagnosis),
  );
  return trial.works ? 0 : DOES_NOT_RUN;
}

/** The proof: the defaults, with a command that every system has. */
async function tryRun(): Promise<Diagnosis["trial"]> {
  try {
    const { code, stderr } = await run({ commands: [["/bin/sh", "-c", "exit 0"]] });
    return code === 0 ? { works: true } : { works: false, why: `exit ${code}: ${stderr}` };
  } catch (error) {
    const facts = factsOf(error);
    const why = facts.syscall === undefined ? facts.message : `${facts.message}: ${facts.syscall}`;
    return { works: false, why, ...(facts.fix === undefined ? {} : { fix: facts.fix }) };
  }
}

function heldLimits(host: Host): readonly string[] {
  if (!host.privileged) return [];
  return LIMITS.filter(({ controller }) =>
    host.cgroups.v1[controller] !== undefined ||
    host.cgroups.v2?.controllers.includes(controller) === true
  ).map(({ key }) => key);
}
