/** Containers, lines, events and what is used, as they are printed in JSON: by the command line and by `serve`. */
import type { Usage } from "../observe/usage.ts";
import type { BriefView, ContainerView } from "./containers.ts";
import type { ProjectEvent } from "./events.ts";
import type { LogLine } from "./logs.ts";

export function containerJson(view: BriefView): object {
  const { name, id, state, record, pid, ending, problem } = view;
  return {
    name,
    id,
    state: view.paused === true ? "paused" : state,
    ...(pid === undefined ? {} : { pid }),
    ...(record === undefined ? {} : {
      created: new Date(record.created).toISOString(),
      ...(record.started === undefined ? {} : { started: new Date(record.started).toISOString() }),
      limits: record.limits,
    }),
    ...(ending === undefined ? {} : { ending }),
    ...(problem === undefined ? {} : { problem }),
  };
}

export function logLineJson(
  { container, timeNs, stream, bytes, whole, lostBytes }: LogLine,
): object {
  const ms = Number(timeNs / 1_000_000n);
  const nanoseconds = (timeNs % 1_000_000_000n).toString().padStart(9, "0");
  const time = `${new Date(ms).toISOString().slice(0, 19)}.${nanoseconds}Z`;
  return {
    time,
    container,
    stream,
    ...bytesJson(bytes),
    ...(whole ? {} : { partial: true }),
    ...(lostBytes > 0 ? { lostBytes } : {}),
  };
}

/** Bytes that are no UTF-8 are there too, as they were. */
export function bytesJson(bytes: Uint8Array): { readonly text: string; readonly base64?: string } {
  const text = new TextDecoder().decode(bytes);
  return { text, ...(text.includes("\ufffd") ? { base64: toBase64(bytes) } : {}) };
}

const toBase64 = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

export function eventJson({ at, ...event }: ProjectEvent): object {
  return { time: new Date(at).toISOString(), ...event };
}

/** What a container used while it was looked at. */
export interface Sample {
  readonly view: ContainerView;
  readonly usage: Usage;
  /** 1 is one processor. */
  readonly processors: number;
}

export function sampleJson({ view, usage, processors }: Sample): object {
  return { name: view.name, id: view.id, processors, ...usage };
}
