/** The command line's entry: finds the command and loads only that. */
import { exitNow } from "../../ffi/linux/exit.ts";
import { commandRow } from "./table.ts";
import type { Arguments } from "./arguments.ts";
import { stderr } from "./output.ts";
import { parseArguments, UsageError } from "./arguments.ts";

export type CommandFunction = (given: Arguments) => Promise<number> | number;

/** Loaded when used: a start pays for nothing that it does not use (design rule 10). */
const LOADERS: Readonly<Record<string, () => Promise<{ command: CommandFunction }>>> = {
  run: () => import("./run.ts"),
  up: () => import("./up.ts"),
  create: () => import("./create.ts"),
  down: () => import("./down.ts"),
  diff: () => import("./diff.ts"),
  apply: () => import("./apply.ts"),
  update: () => import("./update.ts"),
  ps: () => import("./ps.ts"),
  logs: () => import("./logs.ts"),
  events: () => import("./events.ts"),
  stop: () => import("./stop.ts"),
  start: () => import("./start.ts"),
  restart: () => import("./restart.ts"),
  kill: () => import("./kill.ts"),
  pause: () => import("./pause.ts"),
  resume: () => import("./resume.ts"),
  rename: () => import("./rename.ts"),
  wait: () => import("./wait.ts"),
  attach: () => import("./attach.ts"),
  rm: () => import("./rm.ts"),
  gc: () => import("./gc.ts"),
  exec: () => import("./quick_exec.ts"),
  cp: () => import("./cp.ts"),
  stats: () => import("./stats.ts"),
  top: () => import("./top.ts"),
  unit: () => import("./unit.ts"),
  serve: () => import("./serve.ts"),
  plan: () => import("./plan.ts"),
  repro: () => import("./repro.ts"),
  inspect: () => import("./inspect.ts"),
  validate: () => import("./validate.ts"),
  schema: () => import("./schema.ts"),
  doctor: () => import("./doctor.ts"),
  version: () => import("./version.ts"),
  completions: () => import("./completions.ts"),
  help: () => import("./help.ts"),
};

/** What this program starts of itself; no command of people, so in no help. */
const ROLES: Readonly<
  Record<string, () => Promise<{ command: (words: readonly string[]) => Promise<number> }>>
> = {
  supervise: () => import("./supervise.ts"),
  collect: () => import("./collect.ts"),
  launched: () => import("./launched.ts"),
};

/** Exit status of containerv's own errors while running: the command's own statuses must stay apart from them. */
export const OWN_FAILURE = 125;
/** Exit status of a bad spec or wrong usage of the verbs that run nothing. */
export const BAD_INPUT = 2;
/** Exit status of `diff` and `plan --exit-code`: something would change. */
export const WOULD_CHANGE = 3;

/** Runs one command line and gives the exit status of the process. */
export async function main(argv: readonly string[]): Promise<number> {
  const { name, rest } = findCommand(argv);
  const role = ROLES[name];
  if (role !== undefined) return await (await role()).command(rest);
  const row = commandRow(name);
  const load = LOADERS[name];
  if (row === undefined || load === undefined) return await unknownCommand(name);
  try {
    const given = await parseArguments(rest, row);
    if (given.options["--help"] === true) return await showHelp(name);
    return await (await load()).command(given);
  } catch (error) {
    const status = name === "run" || name === "exec" ? OWN_FAILURE : BAD_INPUT;
    if (error instanceof UsageError) {
      stderr(`containerv ${name}: ${error.message}\nusage: containerv ${name} ${row.usage}\n`);
      return status;
    }
    const { factsOf } = await import("../apply/facts.ts");
    const facts = factsOf(error);
    // A fault of ours: its stack says where.
    if (facts.code === "BUG") throw error;
    await (await import("./spec.ts")).showFailure(facts, {});
    return status;
  }
}

/** The process's own command line, and its end. */
export async function runMain(): Promise<void> {
  const status = isSetuid() ? refuseSetuid() : await main(process.argv.slice(2));
  exitNow(status);
}

/** A setuid or setgid file: the caller, whose variables the JavaScript runtime has read by now, has fewer rights than we. */
function isSetuid(): boolean {
  return process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.();
}

function refuseSetuid(): number {
  stderr("containerv must not be setuid: run it with sudo, or as an ordinary user\n");
  return OWN_FAILURE;
}

function findCommand(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const [first, ...rest] = argv;
  if (first === undefined || first === "--help" || first === "-h") return { name: "help", rest };
  if (first === "--version" || first === "-V") return { name: "version", rest };
  return { name: first, rest };
}

async function showHelp(name: string): Promise<number> {
  const { command } = await import("./help.ts");
  return command({ operands: [name], options: {} });
}

async function unknownCommand(name: string): Promise<number> {
  const { unknown } = await import("./help.ts");
  return unknown(name);
}
