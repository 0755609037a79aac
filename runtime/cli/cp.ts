/** `containerv cp`: files into a container that runs, or out of it. */
import { runningTarget } from "../lifecycle/running.ts";
import { download, upload } from "../lifecycle/transfer.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr, stdout } from "./output.ts";
import { meantProject } from "./project.ts";

/** Exit status when nothing, or not all, was copied. */
const NOT_ALL = 1;

export function command(given: Arguments): number {
  const [from, to, more] = given.operands;
  if (from === undefined || to === undefined || more !== undefined) {
    throw new UsageError("name what is copied, and where to");
  }
  const [source, target] = [placeOf(from), placeOf(to)];
  if ((source.name === undefined) === (target.name === undefined)) {
    throw new UsageError("one of the two is NAME:PATH, the other a path of this machine");
  }
  const project = meantProject(given);
  const result = source.name === undefined
    ? upload(runningTarget(target.name ?? "", project), source.path, target.path)
    : download(runningTarget(source.name, project), source.path, target.path);
  if (given.options["--json"] === true) stdout(`${JSON.stringify(result, null, 2)}\n`);
  for (const path of result.skipped) {
    stderr(`${path || from}: not copied: sockets and devices stay where they are\n`);
  }
  return result.skipped.length === 0 ? 0 : NOT_ALL;
}

/** `web:/etc/hosts` is in a container; `./a:b` and `/a:b` are not. */
function placeOf(text: string): { readonly name?: string; readonly path: string } {
  const [, name, path] = /^([A-Za-z0-9][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9][A-Za-z0-9_.-]*)?):(\/.*)$/s
    .exec(text) ?? [];
  return name === undefined || path === undefined ? { path: text } : { name, path };
}
