/** What programs that are written by hand are made of: fields of memory, sums, and where it goes on. */
import type { Word } from "../../ffi/calls/call.ts";
import { type Emitter, result } from "./emitter.ts";

/** `into` = a field of the memory at the address in slot `of`. */
export function loadField(
  to: Emitter,
  into: string,
  from: { readonly of: string; readonly offset: number; readonly width: 4 | 8 },
): void {
  const { of, offset, width } = from;
  to.add({ kind: "load", into, address: result(of), offset, width });
}

/** A field of the memory at the address in slot `of` = `value`. */
export function storeField(
  to: Emitter,
  value: Word,
  at: { readonly of: string; readonly offset: number; readonly width: 4 | 8 },
): void {
  const { of, offset, width } = at;
  to.add({ kind: "store", value, address: result(of), offset, width });
}

/** Changes the slot `name` by a constant. */
export function addTo(to: Emitter, name: string, by: number): void {
  to.add({ kind: "add", into: name, left: result(name), right: by });
}

/** `if (left == right) goto there` */
export function whenEqual(to: Emitter, [left, right]: readonly [Word, Word], there: string): void {
  to.add({ kind: "branch", when: "equal", left, right, to: there });
}

/** `goto there` */
export function goTo(to: Emitter, there: string): void {
  to.add({ kind: "jump", to: there });
}

/** A place that others go to. */
export function place(to: Emitter, name: string): void {
  to.add({ kind: "label", name });
}

/** `into` = `value`. */
export function set(to: Emitter, into: string, value: Word): void {
  to.add({ kind: "add", into, left: value, right: 0 });
}

/** Goes on at `there` unless both are equal. */
export function unlessEqual(
  to: Emitter,
  [left, right]: readonly [Word, Word],
  there: string,
): void {
  const equal = to.label("equal");
  to.add(
    { kind: "branch", when: "equal", left, right, to: equal },
    { kind: "jump", to: there },
    { kind: "label", name: equal },
  );
}

/** `if (left < right) goto there` */
export function whenLess(to: Emitter, [left, right]: readonly [Word, Word], there: string): void {
  to.add({ kind: "branch", when: "less", left, right, to: there });
}
