/** The variables that the launcher was executed with. */
import type { Word } from "../../../ffi/calls/call.ts";
import { type Emitter, result } from "../emitter.ts";
import { addTo, goTo, place, set, whenEqual } from "../flow.ts";
import { SLOT } from "./core.ts";

/** `into` = address of the list of the environment's variables: it follows argv and its null pointer. */
export function environmentOf(to: Emitter, into: string): void {
  to.add({ kind: "add", into, left: result(SLOT.argc), right: 2 });
  // Times eight.
  for (let times = 0; times < 3; times++) {
    to.add({ kind: "add", into, left: result(into), right: result(into) });
  }
  to.add({ kind: "add", into, left: result(into), right: result(SLOT.stack) });
}

/** `here` = behind `NAME=` of the first variable with that in front, whose address is `name`; where there is none it goes on at `missing`. */
export function findVariable(to: Emitter, name: Word, missing: string): void {
  const next = to.label("variable");
  const letter = to.label("letter");
  const done = to.label("variable found");
  const look = to.label("look");
  environmentOf(to, "pointer");
  addTo(to, "pointer", -8);
  place(to, next);
  addTo(to, "pointer", 8);
  to.add({ kind: "load", into: "here", address: result("pointer"), width: 8 });
  whenEqual(to, [result("here"), 0], missing);
  set(to, "there", name);
  goTo(to, look);
  place(to, letter);
  addTo(to, "here", 1);
  addTo(to, "there", 1);
  place(to, look);
  to.add({ kind: "load", into: "right", address: result("there"), width: 1 });
  whenEqual(to, [result("right"), 0], done);
  to.add({ kind: "load", into: "left", address: result("here"), width: 1 });
  whenEqual(to, [result("left"), result("right")], letter);
  goTo(to, next);
  place(to, done);
}
