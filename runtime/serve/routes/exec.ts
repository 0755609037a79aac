/** The route that runs a command in a container. */
import { bytesJson } from "../../lifecycle/as_json.ts";
import { type Process, spawnIn } from "../../lifecycle/commands.ts";
import { createLogLines } from "../../lifecycle/log_lines.ts";
import { targetOfView } from "../../lifecycle/running.ts";
import { joinBytes } from "../../../ffi/memory/bytes.ts";
import { ContainervError } from "../../plan/error.ts";
import type { Fields, Given } from "../http/fields.ts";
import { type Answer, type Asker, type Route, route, type Write } from "../route.ts";
import { meantContainer, PROJECT_FIELD } from "./meant.ts";

const EXEC_FIELDS = {
  command: { kind: "words", help: "the program and its arguments", required: true },
  user: { kind: "text", help: "as `user:` of a command" },
  workdir: { kind: "text", help: "as `workdir:` of a command" },
  environment: { kind: "pairs", help: "added to the container's" },
  timeout: { kind: "text", help: "as 10s: then it is killed" },
  stdin: { kind: "text", help: "its standard input; default: nothing" },
  stdinBase64: { kind: "text", help: "the same, of bytes that are no text" },
  stream: { kind: "flag", help: "give what it writes as it comes" },
} as const satisfies Fields;

/** Of an answer that is given whole, by each stream. */
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

function inputOf({ stdin, stdinBase64 }: Given<typeof EXEC_FIELDS>): Uint8Array | undefined {
  if (stdin !== undefined && stdinBase64 !== undefined) {
    throw bad("stdin and stdinBase64 are the same: give one of them");
  }
  if (stdin !== undefined) return new TextEncoder().encode(stdin);
  if (stdinBase64 === undefined) return undefined;
  try {
    return Uint8Array.from(atob(stdinBase64), (letter) => letter.charCodeAt(0));
  } catch {
    throw bad("stdinBase64 is no base64");
  }
}

const bad = (message: string): ContainervError =>
  new ContainervError({ code: "BAD_REQUEST", message, undone: "nothing was done" });

async function start(
  view: ReturnType<typeof meantContainer>,
  given: Given<typeof EXEC_FIELDS>,
  { signal }: Asker,
): Promise<Process> {
  const { command = [], user, workdir, environment, timeout } = given;
  const stdin = inputOf(given);
  const place = { target: () => Promise.resolve(targetOfView(view)), log: createLogLines() };
  return await spawnIn(place, command, {
    signal,
    ...(user === undefined ? {} : { user }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(environment === undefined ? {} : { environment }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(stdin === undefined ? {} : { stdin }),
  });
}

const STREAMS = ["stdout", "stderr"] as const;

/** Until its end, or the signal: what the command started may outlive it, and hold what it wrote to. */
async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    while (!signal.aborted) {
      const { value } = await reader.read();
      if (value === undefined) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Frames as they come; then the end. */
async function giveFrames(process: Process, write: Write, signal: AbortSignal): Promise<void> {
  try {
    await Promise.all(STREAMS.map(async (stream) => {
      for await (const bytes of chunksOf(process[stream], signal)) {
        await write({ stream, ...bytesJson(bytes) });
      }
    }));
    await write({ exit: await process.exited });
  } finally {
    await process[Symbol.asyncDispose]();
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of chunksOf(stream, signal)) {
    parts.push(part);
    bytes += part.length;
    if (bytes <= OUTPUT_BYTES_MAX) continue;
    throw new ContainervError({
      code: "OUTPUT_TOO_LARGE",
      message: `it wrote more than ${OUTPUT_BYTES_MAX} bytes, and was killed`,
      fix: "ask for a stream: {stream: true}",
    });
  }
  return joinBytes(parts);
}

async function giveWhole(process: Process, signal: AbortSignal): Promise<Answer> {
  try {
    const [stdout, stderr] = await Promise.all(
      STREAMS.map((name) => collect(process[name], signal)),
    );
    const out = bytesJson(stdout ?? new Uint8Array());
    const err = bytesJson(stderr ?? new Uint8Array());
    return {
      json: {
        ...await process.exited,
        stdout: out.text,
        stderr: err.text,
        ...(out.base64 === undefined ? {} : { stdoutBase64: out.base64 }),
        ...(err.base64 === undefined ? {} : { stderrBase64: err.base64 }),
      },
    };
  } finally {
    await process[Symbol.asyncDispose]();
  }
}

export const EXEC_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/containers/{name}/exec",
    summary: "runs a command in it, without a terminal: `exec`. Who goes away ends it",
    query: { project: PROJECT_FIELD },
    body: EXEC_FIELDS,
    streams: true,
    gives:
      "code (128+n by signal n), reason, signal, stdout, stderr; stdoutBase64 and stderrBase64 where the bytes are no UTF-8. With `stream`: a line of JSON for each piece (stream, text, base64), then {exit}.",
    answer: async ({ path, query: { project }, body, asker }) => {
      const process = await start(meantContainer(path.name, project), body, asker);
      if (body.stream !== true) return await giveWhole(process, asker.signal);
      return { stream: (write) => giveFrames(process, write, asker.signal) };
    },
  }),
];
