/** Processes that a test holds at a record: their families, whether they are held, and how they are let go. */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { numberOf } from "../../ffi/linux/libc.ts";
import { statOf } from "../integration/cli/sandbox.ts";
import type { Hold } from "./patched_images.ts";

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

/** True while it is held at that record. */
export function isHeld(pid: number, { zeros }: Hold): boolean {
  try {
    const call = readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ");
    return Number(call[0]) === SIGTIMEDWAIT && Number(call[1]) === zeros;
  } catch {
    return false; // it ends, or executes, at this moment
  }
}

const SIGTIMEDWAIT = numberOf("rt_sigtimedwait");

/** Lets a process that is held go on: its own copy of the record is the real one again. False: it has ended meanwhile. */
export async function letGo(pid: number, { address, record }: Hold): Promise<boolean> {
  try {
    const memory = openSync(`/proc/${pid}/mem`, "r+");
    try {
      writeSync(memory, record, 0, record.length, address);
    } finally {
      closeSync(memory);
    }
    process.kill(pid, "SIGSTOP");
    while (stateOf(pid) !== "T" && stateOf(pid) !== "gone") await sleep(0);
    process.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ESRCH", "EIO"].includes(code ?? "")) return false;
    throw error;
  }
}

function stateOf(pid: number): string {
  const { state } = statOf(pid) ?? { state: "gone" };
  return ["Z", "X"].includes(state) ? "gone" : state;
}
