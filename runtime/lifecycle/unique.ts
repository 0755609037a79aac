/**
 * Containers of the library: each has a name of its own, so that any number of one spec can run side by side. The image of a
 * spec is made once; a start writes the new name over the old one in it, which is as long.
 */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import { prepare } from "./prepare.ts";
import type { StoredLayers } from "./layers.ts";
import { type Startable, withCopies } from "./start.ts";
import { storedLayers } from "./stored.ts";

/** Digits of the number that follows a name: process and count. */
const NUMBER_DIGITS = 12;
const PLACEHOLDER = "0".repeat(NUMBER_DIGITS);

/** Good as long as the machine is what it was; an image that fails on another one is planned anew (lifecycle/start). */
interface Template {
  readonly image: Uint8Array;
  readonly summary: Startable["summary"];
  readonly open: Startable["open"];
  /** Where the number stands in the image. */
  readonly offsets: readonly number[];
}

/** Images of specs that were run before by this process, by the identity of what is wanted. */
const templates = new Map<string, Template>();
const TEMPLATES_MAX = 32;

let count = 0;

/** Process id and a count, in base 36: no two containers of a machine have one at the same time. */
function nextNumber(): string {
  const own = process.pid.toString(36).padStart(6, "0");
  const counted = (count++ % 36 ** 6).toString(36).padStart(6, "0");
  return own + counted;
}

export interface UniqueOptions {
  readonly announce: boolean;
  /** Its layers in the store: needed when it has some. */
  readonly stored?: StoredLayers;
  /** Opens the containers that it joins by name: needed when it joins some. */
  readonly joined?: () => readonly number[];
}

/** Throws HostError. */
export function uniqueStartable(
  container: DesiredContainer,
  options: UniqueOptions,
): Startable & { readonly name: string } {
  const template = templateOf(container, options);
  const number = nextNumber();
  const image = template.image.slice();
  const digits = new TextEncoder().encode(number);
  for (const offset of template.offsets) image.set(digits, offset);
  const name = `${container.name}-${number}`;
  return {
    name,
    image,
    summary: template.summary,
    open: template.open,
    explain: () => Promise.resolve(prepare(container, { ...options, instance: name })),
    rename: async () => {
      templates.clear();
      const layers = await storedLayers(container);
      return await withCopies(uniqueStartable(container, { ...options, ...layers }));
    },
  };
}

function templateOf(container: DesiredContainer, options: UniqueOptions): Template {
  const key = JSON.stringify([options.announce, container, options.stored?.layers]);
  const known = templates.get(key);
  if (known !== undefined) return known;
  const instance = `${container.name}-${PLACEHOLDER}`;
  const prepared = prepare(container, { ...options, instance });
  const made = {
    image: prepared.image,
    summary: prepared.plan.summary,
    open: prepared.open,
    offsets: offsetsOf(`${instance}/`, prepared.image, container.name.length + 1)
      .concat(offsetsOf(`${instance}\0`, prepared.image, container.name.length + 1)),
  };
  if (!prepared.memorable) return made;
  if (templates.size >= TEMPLATES_MAX) templates.clear();
  templates.set(key, made);
  return made;
}

/** Where the number begins, for each place at which the image holds `text`. */
function offsetsOf(text: string, image: Uint8Array, skip: number): number[] {
  const bytes = new TextEncoder().encode(text);
  const offsets: number[] = [];
  for (let at = image.indexOf(bytes[0] ?? 0); at >= 0; at = image.indexOf(bytes[0] ?? 0, at + 1)) {
    if (bytes.every((byte, index) => image[at + index] === byte)) offsets.push(at + skip);
  }
  return offsets;
}
