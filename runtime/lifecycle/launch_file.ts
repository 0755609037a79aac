/**
 * Launch files: what the launcher in front of the executable reads instead of starting the JavaScript runtime (docs/launcher.md; the form is in
 * runtime/plan/launcher/format.ts). Only root has any. They are a cache: one that is gone, or fits no more, costs a start of the runtime.
 */
import { AT_REMOVEDIR } from "../../ffi/abi/fcntl.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { type DirectoryEntry, listDirectory } from "../../ffi/linux/directory.ts";
import { getuid, replaceFile } from "../../ffi/linux/file.ts";
import { callSync } from "../../ffi/linux/run.ts";
import { shellParts } from "../../ffi/stage/shell.ts";
import { encodeLaunch, type Launch } from "../plan/launcher/encode.ts";
import { commandText, EXEC_LAUNCHES, launchName } from "../plan/launcher/format.ts";

/** More command lines than that are not remembered at a time. */
const FILES_MAX = 64;

/** Keeps it in a directory that is there, and only ours. Gives the reason when it could not; that is no error. */
export function rememberLaunch(
  directory: string,
  launch: Omit<Launch, "shell">,
): string | undefined {
  const bytes = encodeLaunch({ ...launch, shell: shellParts(launch.image) });
  if (bytes === undefined) return "it is too long";
  const others = listDirectory(directory);
  if (others.length >= FILES_MAX) unlinkAll(directory, others);
  return replaceFile(`${directory}/${launchName(commandText(launch.words))}`, bytes);
}

/** What the launcher started by it failed: the runtime plans anew, and remembers that. */
export function forgetLaunch(directory: string, words: readonly string[]): void {
  const name = launchName(commandText(words));
  callSync(unlinkat({ pathname: `${directory}/${name}` }));
}

/** Removes all of commands in containers: a container that is gone shall leave nothing. */
export function forgetLaunches(): void {
  // Nobody else has any, nor may look.
  if (getuid() !== 0) return;
  unlinkAll(EXEC_LAUNCHES, listDirectory(EXEC_LAUNCHES));
  callSync(unlinkat({ pathname: EXEC_LAUNCHES, flags: AT_REMOVEDIR }));
}

function unlinkAll(directory: string, entries: readonly DirectoryEntry[]): void {
  for (const { name } of entries) callSync(unlinkat({ pathname: `${directory}/${name}` }));
}
