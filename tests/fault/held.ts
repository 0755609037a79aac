/** Processes that a test holds at a record: their families, and whether they are held. */
import { readdirSync, readFileSync } from "node:fs";

/** pause(2) of x86-64. */
export const PAUSE = 34;

/** As the kernel lists them, by the threads that made them. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
      return text.split(" ").filter((one) => one !== "").map(Number);
    });
  } catch {
    return []; // it, or a thread of it, has ended meanwhile
  }
}

/** Children, and theirs. */
export function descendantsOf(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** True while it is held at a record. */
export function pauses(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/syscall`, "utf8").startsWith(`${PAUSE} `);
  } catch {
    return false; // it ends, or executes, at this moment
  }
}
