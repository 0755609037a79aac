/** A ContainervError as a block of text: where, which step, which call, what the kernel said, what to do. */
import type { ErrorFacts } from "../plan/error.ts";

/** Prints `web.yaml:14:11: error CODE: message`, the source line with a caret, and a line for each fact that is known. */
export function showError(facts: ErrorFacts): string {
  const { place } = facts;
  const where = place === undefined
    ? facts.pointer === undefined || facts.pointer === "" ? "" : `${facts.pointer}: `
    : `${place.file}:${place.line}:${place.column}: `;
  const lines = [`${where}error ${facts.code}: ${facts.message}`];
  const row = (name: string, text: string | undefined): void => {
    if (text !== undefined) lines.push(`  ${name.padEnd(7)} ${text}`);
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
