import { assert, assertEquals } from "@std/assert";
import { loadSpec } from "../../../../spec/load.ts";
import type { Desired, DesiredContainer } from "../../../../spec/model/desired.ts";

/** Loads a text as `web.yaml` in /project. */
export function load(text: string) {
  return loadSpec({ text, file: "web.yaml", directory: "/project" });
}

/** What a text that has no error means. */
export function desiredOf(text: string): Desired {
  const { desired, diagnostics } = load(text);
  assertEquals(diagnostics.filter(({ severity }) => severity === "error"), []);
  assert(desired !== undefined);
  return desired;
}

/** The one container of a text; `commands` are added where the text has none. */
export function containerOf(text: string): DesiredContainer {
  const whole = text.includes("commands:") ? text : `${text}\ncommands: ["true"]\n`;
  const [container] = desiredOf(whole).containers;
  assert(container !== undefined);
  return container;
}

/** `CODE /pointer` of each diagnostic, in order. */
export function codesOf(text: string): readonly string[] {
  const whole = /commands:|containers:/.test(text) ? text : `${text}\ncommands: ["true"]\n`;
  return load(whole).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`);
}
