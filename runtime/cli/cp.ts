/** `containerv cp`: files into a container that runs, or out of it. */
import { isatty } from "node:tty";
import { runningTarget } from "../lifecycle/running.ts";
import { download, upload } from "../lifecycle/transfer.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr, stdout } from "./output.ts";
import { meantProject } from "./project.ts";

/** Exit status when nothing, or not all, was copied. */
const NOT_ALL = 1;

export async function command(given: Arguments): Promise<number> {
  const [from, to, more] = given.operands;
  if (from === undefined || to === undefined || more !== undefined) {
    throw new UsageError("name what is copied, and where to");
  }
  const [source, target] = [placeOf(from), placeOf(to)];
  if ((source.name === undefined) === (target.name === undefined)) {
    throw new UsageError("one of the two is NAME:PATH, the other a path of this machine");
  }
  const project = meantProject(given);
  const archive = source.name === undefined ? source.path : target.path;
  if (archive === "-") return await copyArchive({ source, target }, given);
  const result = source.name === undefined
    ? upload(runningTarget(target.name ?? "", project), source.path, target.path)
    : download(runningTarget(source.name, project), source.path, target.path);
  if (given.options["--json"] === true) stdout(`${JSON.stringify(result, null, 2)}\n`);
  for (const path of result.skipped) {
    stderr(`${path || from}: not copied: sockets and devices stay where they are\n`);
  }
  return result.skipped.length === 0 ? 0 : NOT_ALL;
}

interface Ends {
  readonly source: End;
  readonly target: End;
}

/** A tar archive from standard input into a directory of the container, or to standard output. */
async function copyArchive({ source, target }: Ends, given: Arguments): Promise<number> {
  const { downloadArchive, uploadArchive } = await import("../lifecycle/archive.ts");
  const isIn = source.name === undefined;
  const end = isIn ? 0 : 1;
  if (isatty(end)) {
    throw new UsageError(
      `an archive is for a file or a pipe: cp ${isIn ? "- … < a.tar" : "… - > a.tar"}`,
    );
  }
  const project = meantProject(given);
  const result = isIn
    ? await uploadArchive(runningTarget(target.name ?? "", project), end, target.path)
    : downloadArchive(runningTarget(source.name ?? "", project), source.path, end);
  if (given.options["--json"] === true) {
    const text = `${JSON.stringify(result, null, 2)}\n`;
    if (isIn) stdout(text);
    else stderr(text);
  }
  for (const path of result.skipped) {
    stderr(`${path}: not copied: sockets and devices stay where they are\n`);
  }
  for (const [what, count] of Object.entries(result.notes)) {
    stderr(`not kept: ${what} (${count})\n`);
  }
  return result.skipped.length === 0 && Object.keys(result.notes).length === 0 ? 0 : NOT_ALL;
}

interface End {
  readonly name?: string;
  readonly path: string;
}

/** `web:/etc/hosts` is in a container; `./a:b` and `/a:b` are not. */
function placeOf(text: string): End {
  const [, name, path] = /^([A-Za-z0-9][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9][A-Za-z0-9_.-]*)?):(\/.*)$/s
    .exec(text) ?? [];
  return name === undefined || path === undefined ? { path: text } : { name, path };
}
