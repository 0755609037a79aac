/** A ContainervError as a block of text: where, which step, which call, what the kernel said, what to do. */
import type { ErrorFacts } from "../plan/error.ts";
import { escapeControls } from "./diagnostics.ts";

/** Prints `web.yaml:14:11: error CODE: message` and a line for each fact that is known; what a spec gave cannot move the cursor. */
export function showError(facts: ErrorFacts): string {
  const { place } = facts;
  const where = place === undefined
    ? facts.pointer === undefined || facts.pointer === "" ? "" : `${facts.pointer}: `
    : `${place.file}:${place.line}:${place.column}: `;
  // A fault of ours brings its stack: its lines stay lines.
  const message = facts.message.split("\n").map(escapeControls).join("\n");
  const lines = [`${escapeControls(where)}error ${facts.code}: ${message}`];
  const row = (name: string, text: string | undefined): void => {
    if (text !== undefined) lines.push(`  ${name.padEnd(7)} ${escapeControls(text)}`);
  };
  if (facts.step !== undefined) {
    row("step", `${facts.step.number} of ${facts.step.of}: ${facts.step.show}`);
  }
  row("call", facts.syscall);
  row("kernel", facts.kernel);
  row("fix", facts.fix);
  row("state", facts.undone);
  return `${lines.join("\n")}\n`;
}
