/** Stages that run on this machine, and the groups that they are about to enter. */
import { listDirectory } from "../../ffi/linux/directory.ts";
import { readLink } from "../../ffi/linux/file.ts";
import { glance } from "../../ffi/linux/glance.ts";
import { SyscallError } from "../../ffi/linux/run.ts";

/** Pids of stages, of keepers, and of children of theirs that have not executed anything. */
export function stagePids(): readonly string[] {
  return listDirectory("/proc").map(({ name }) => name).filter((name) =>
    /^\d+$/.test(name) && glance(`/proc/${name}/cmdline`) === "containerv\0"
  );
}

/**
 * What stages have open, as paths. A group is among them, or its way in, before anybody is in it. Of another user's process nobody can say.
 */
export const openedByStages = (): readonly string[] => stagePids().flatMap(openedBy);

function openedBy(pid: string): readonly string[] {
  const directory = `/proc/${pid}/fd`;
  try {
    return listDirectory(directory).map(({ name }) => readLink(`${directory}/${name}`) ?? "");
  } catch (error) {
    // It is another user's, or has ended.
    if (error instanceof SyscallError) return [];
    throw error;
  }
}
