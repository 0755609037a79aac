/** What a container that runs was given ⇄ what the kernel has of it now. Pure. */
import type { DesiredContainer } from "../../../spec/model/desired.ts";
import type { WriteKnob } from "../../plan/ops/cgroup.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { compileLimits } from "../limits/compile.ts";
import { groupsHost } from "../limits/delegated.ts";
import { volumesSettled } from "./attach.ts";
import { knobsOf, type Machine } from "./limits.ts";

/** A mount of the container's own. */
export interface ExpectedMount {
  readonly at: string;
  readonly readonly: boolean;
  readonly origin: string;
  /** Key of the YAML that it comes from. */
  readonly key: string;
  /** It can be put back while the container runs. */
  readonly volume: boolean;
}

export interface Expected {
  readonly knobs: readonly WriteKnob[];
  readonly mounts: readonly ExpectedMount[];
}

/** What is there. */
export interface Held {
  /** Path → text of the file; absent: there is no such file. */
  readonly files: Readonly<Record<string, string>>;
  /** Place in the container → the mount there; absent: there is none. `undefined` as a whole: it can't be looked at. */
  readonly mounts?: Readonly<Record<string, { readonly readonly: boolean }>>;
}

/** Something that is not as it was made. */
export interface Drift {
  /** As in the YAML: `limits.memory`, `volumes`; `process` for what has ended. */
  readonly key: string;
  readonly origin: string;
  readonly text: string;
  /** What puts it right while the container runs; absent: it is made anew. */
  readonly mend?: { readonly op: Op } | { readonly at: string };
}

/** What has to hold of a container that was made as `container` says. Throws HostError. */
export function expectedOf(container: DesiredContainer, { host, answers }: Machine): Expected {
  const settled = volumesSettled(container, host) !== undefined;
  return {
    knobs: knobsOf(compileLimits(container, groupsHost(host), answers))
      .filter(({ holds }) => holds !== undefined),
    mounts: mountsOf(container).map((one) => settled ? { ...one, volume: false } : one),
  };
}

/** Those that are always there, and those that were asked for. */
function mountsOf(container: DesiredContainer): readonly ExpectedMount[] {
  const { volumes, rootfs } = container;
  const own = { readonly: false, volume: false };
  return [
    { ...own, at: "/proc", key: "rootfs", origin: "default" },
    { ...own, at: "/dev", key: "rootfs", origin: "default" },
    ...rootfs.layers.filter(({ at }) => at !== "/").map(({ at, origin }) => ({
      ...own,
      at,
      key: "rootfs.layers",
      origin,
    })),
    ...volumes.map(({ at, readonly, origin }) => ({
      at,
      readonly,
      origin,
      key: "volumes",
      volume: true,
    })),
  ];
}

/** Every file and every place that has to be looked at. */
export function lookAt({ knobs, mounts }: Expected): {
  readonly files: readonly string[];
  readonly mounts: readonly string[];
} {
  const files = knobs.flatMap((knob) => [
    knob.shownBy ?? knob.path,
    ...(knob.instead === undefined ? [] : [knob.instead.path]),
  ]);
  return { files: [...new Set(files)], mounts: mounts.map(({ at }) => at) };
}

export function driftOf(expected: Expected, held: Held): readonly Drift[] {
  return [
    ...expected.knobs.flatMap((knob) => knobDrift(knob, held)),
    ...expected.mounts.flatMap((mount) => mountDrift(mount, held)),
  ];
}

function knobDrift(knob: WriteKnob, { files }: Held): readonly Drift[] {
  const path = knob.shownBy ?? knob.path;
  const { instead } = knob;
  const [text, holds, line] = files[path] === undefined && instead !== undefined
    ? [files[instead.path], instead.holds, instead.line]
    : [files[path], knob.holds, knob.line];
  const shown = (text ?? "").trimEnd();
  if (
    text !== undefined &&
    (line === true ? shown.split("\n").includes(holds ?? "") : shown === holds)
  ) {
    return [];
  }
  const key = `limits.${/^limits\/([^/]+)/.exec(knob.id)?.[1] ?? ""}`;
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (text === undefined) {
    return [{ key, origin: knob.origin, text: `there is no ${path} any more` }];
  }
  const now = shown.split("\n").join(", ");
  const mending: Op = knob;
  return [{
    key,
    origin: knob.origin,
    text: `${file} holds ${now === "" ? "nothing" : now}, not ${holds}`,
    mend: { op: mending },
  }];
}

function mountDrift(mount: ExpectedMount, { mounts }: Held): readonly Drift[] {
  if (mounts === undefined) return [];
  const { at, key, origin } = mount;
  const found = mounts[at];
  if (found === undefined) {
    const text = `nothing is mounted at ${at} any more`;
    return [{ key, origin, text, ...(mount.volume ? { mend: { at } } : {}) }];
  }
  if (!mount.readonly || found.readonly) return [];
  return [{ key, origin, text: `${at} can be written, and is to be read-only` }];
}
