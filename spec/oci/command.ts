/** `commands`, `workdir`, `stdin`, `init` ⇄ `process.args`, `cwd`, `terminal`. */
import type { DesiredCommand, DesiredContainer } from "../model/desired.ts";
import type { CommandSpec } from "../model/spec_type.ts";
import type { OciPart } from "./config.ts";
import { type Document, isText, texts } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import { type OciLoss, originOf, type Said } from "./loss.ts";

/** OCI knows one process: the last command is it, what comes before is lost. */
export function commandToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const { commands } = container;
  const last = commands[commands.length - 1];
  if (last === undefined) throw new Error("a container without a command has no config.json");
  const environment = facts.users[commands.length - 1]?.environment ?? [];
  return {
    part: {
      process: {
        terminal: container.tty,
        args: last.exec,
        env: environment,
        cwd: last.workdir ?? container.workdir,
      },
    },
    losses: [
      ...commands.slice(0, -1).map(earlierLost),
      ...commands.flatMap(optionLosses),
      ...initLost(container),
    ],
  };
}

function earlierLost(command: DesiredCommand): OciLoss {
  return {
    origin: command.origin,
    message: "OCI has one process: this command comes before it and is left out",
    fix: "make a script of them, or a container each",
  };
}

function optionLosses(command: DesiredCommand): readonly OciLoss[] {
  if (command.timeoutMs === undefined) return [];
  return [{
    origin: `${command.origin}/timeout`,
    message: "OCI has no time limit of a process",
    fix: "whoever calls the runtime must watch the clock",
  }];
}

function initLost(container: DesiredContainer): readonly OciLoss[] {
  if (!container.init) return [];
  return [{
    origin: originOf(container.origins, "init"),
    message: "OCI has no init: the process itself is PID 1 and must reap",
    fix: "put an init such as catatonit into the root and in front of `args`",
  }];
}

/** `process.args` → one command. */
export function commandFromOci(
  document: Document,
): { readonly commands?: readonly CommandSpec[]; readonly workdir?: string } {
  const args = texts(document.take("process", "args"));
  const cwd = document.take("process", "cwd");
  return {
    ...(args.length === 0 ? {} : { commands: [args] }),
    ...(isText(cwd) && cwd !== "/" ? { workdir: cwd } : {}),
  };
}
