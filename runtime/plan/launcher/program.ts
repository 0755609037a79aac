/**
 * The launcher as a program of the stage's language (docs/launcher.md): a command line that was run before, where everything is as it was then, is
 * run again without the JavaScript runtime. It looks (find, checks), starts the stage (begin), follows it (follow) and ends as it did (end). Until the stage is started it
 * changes nothing, and at anything that it does not expect it leaves the command line to the runtime.
 */
import { exitGroup } from "../../../ffi/calls/process.ts";
import { LEAVE_STATUS } from "../../../ffi/stage/layout.ts";
import type { Instruction, Program } from "../../../ffi/stage/language.ts";
import { goTo, place } from "../flow.ts";
import { emitter } from "../lower.ts";
import { beginStage, closeAll, openNone, openTarget } from "./begin.ts";
import { checkAll } from "./checks.ts";
import { AT } from "./core.ts";
import { findLaunch } from "./find.ts";
import { endAsCommand } from "./end.ts";
import { explainEnd } from "./explain.ts";
import { followStage } from "./follow.ts";

export interface LauncherOptions {
  /** Which build of containerv it is part of: files of others are not read. */
  readonly build: bigint;
}

/** The program. It begins with the address of argc in its first slot. */
export function launcherProgram({ build }: LauncherOptions): Program {
  const out: Instruction[] = [];
  const to = emitter(out, 0, AT.leave);
  openNone(to);
  findLaunch(to, build);
  openTarget(to);
  goTo(to, AT.checks);
  checkAll(to);
  beginStage(to);
  followStage(to);
  endAsCommand(to);
  explainEnd(to);
  place(to, AT.leave);
  closeAll(to);
  to.call(exitGroup({ status: LEAVE_STATUS }));
  return { instructions: out };
}
