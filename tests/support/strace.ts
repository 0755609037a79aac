import { findTool } from "./require.ts";

/**
 * Words in front of a command: strace does something to a call of it and of all that it starts, as `inject=` of strace(1) says it, and prints
 * nothing. `options`: more of its words, as `-P PATH`.
 */
export function injecting(call: string, what: string, ...options: string[]): readonly string[] {
  const quiet = [findTool("strace") ?? "strace", "-f", "-qq", "-o", "/dev/null"];
  return [...quiet, ...options, "-e", `trace=${call}`, "-e", `inject=${call}:${what}`];
}
