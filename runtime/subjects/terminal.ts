/** `tty:` → a terminal of the container's own, which the stage shows on the caller's. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Answers } from "../plan/host.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { TerminalSize } from "../plan/report.ts";
import { originOf } from "./origin.ts";
import { usersOf } from "./process.ts";

/** The stage's part before the container is there: as large as the caller's, whose keys come as they are. */
export function terminalStage(
  container: DesiredContainer,
  { detached }: Answers,
  size?: TerminalSize,
): readonly Op[] {
  if (!container.tty) return [];
  const common = { where: "stage", origin: originOf(container, "tty") } as const;
  const pair: Op = {
    ...common,
    kind: "terminal.pair",
    id: "terminal/pair",
    ...(size === undefined ? {} : { size }),
  };
  // What is detached has no caller.
  if (!container.stdin || detached === true) return [pair];
  return [pair, { ...common, kind: "terminal.raw", id: "terminal/raw" }];
}

/** Opened by the first process, from the devpts that nobody else has seen yet. */
export function terminalOps(container: DesiredContainer, answers: Answers): readonly Op[] {
  if (!container.tty) return [];
  return [{
    kind: "terminal.make",
    id: "terminal/make",
    where: "container",
    origin: originOf(container, "tty"),
    below: "/dev",
    uid: usersOf(container, answers)[0]?.uid ?? 0,
    console: true,
  }];
}

/** What the stage does besides waiting. */
export function watchedTerminal(
  { tty, stdin }: DesiredContainer,
): { readonly terminal?: { readonly input: boolean } } {
  return tty ? { terminal: { input: stdin } } : {};
}
