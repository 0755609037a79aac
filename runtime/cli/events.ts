/** `containerv events`: what happened to containers, as lines of JSON or of text. */
import { SyscallError } from "../../ffi/linux/error.ts";
import { writePatiently } from "../../ffi/linux/write_patiently.ts";
import { eventJson } from "../lifecycle/as_json.ts";
import type { ProjectEvent } from "../lifecycle/events.ts";
import { giveEvents } from "../lifecycle/follow_events.ts";
import { projectsOf } from "../lifecycle/projects.ts";
import type { Arguments } from "./arguments.ts";
import { meantFile } from "./project.ts";
import { timeOption } from "./time.ts";

export async function command(given: Arguments): Promise<number> {
  const { options, operands } = given;
  const file = meantFile(given);
  const since = Number((timeOption(options, "--since") ?? 0n) / 1_000_000n);
  const form = options["--text"] === true ? asText : asJson;
  const names = new Set(operands);
  const print = (events: readonly ProjectEvent[]): void => {
    const meant = events.filter(({ at, container }) =>
      at >= since && (names.size === 0 || names.has(container))
    );
    const text = meant.map((event) => `${form(event)}\n`).join("");
    if (text !== "") writePatiently(1, new TextEncoder().encode(text));
  };
  try {
    await giveEvents(() => projectsOf(file), { follow: options["--follow"] === true, print });
  } catch (error) {
    // A reader that is gone ends the output, not the program.
    if (!(error instanceof SyscallError)) throw error;
  }
  return 0;
}

const asJson = (event: ProjectEvent): string => JSON.stringify(eventJson(event));

function asText({ at, project, container, type, ...more }: ProjectEvent): string {
  const words = Object.entries(more).map(([name, value]) => `${name}=${value}`);
  return [new Date(at).toISOString(), `${project}/${container}`, type, ...words].join("  ");
}
