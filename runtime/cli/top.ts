/** `containerv top`: the processes of a container. */
import { runningTarget } from "../lifecycle/running.ts";
import { listProcesses } from "../observe/usage.ts";
import { showBytes, showDuration, showTable } from "../show/table.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stdout } from "./output.ts";
import { meantProject } from "./project.ts";

export function command(given: Arguments): number {
  const [name, more] = given.operands;
  if (name === undefined || more !== undefined) throw new UsageError("name one container");
  const processes = listProcesses(runningTarget(name, meantProject(given)).pid);
  if (given.options["--json"] === true) {
    stdout(`${JSON.stringify(processes, null, 2)}\n`);
    return 0;
  }
  const rows = processes.map((one) => [
    String(one.inside),
    String(one.pid),
    String(one.uid),
    one.state,
    showDuration(one.cpuMicroseconds / 1000),
    showBytes(one.memoryBytes),
    plain(one.command),
  ]);
  stdout(showTable([["PID", "HOST", "UID", "STATE", "CPU", "MEMORY", "COMMAND"], ...rows]));
  return 0;
}

/** What a container calls its processes must not steer a terminal (security case D10). */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?").slice(0, 200);
}
