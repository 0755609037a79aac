/** One client: its requests are answered one after the other, however it sends them. */
import type { Socket } from "node:net";
import { regularSize } from "../../ffi/linux/memory_file.ts";
import { readOnce } from "../../ffi/linux/poll.ts";
import { createBell } from "../lifecycle/bell.ts";
import { dispatch, failure, type Refused, refused } from "./dispatch.ts";
import { badRequest, type Fault } from "./http/fault.ts";
import { createRequestReader, type HttpRequest, type RequestReader } from "./http/reader.ts";
import { CONTINUE, encodeChunk, encodeHead, LAST_CHUNK } from "./http/response.ts";
import { type Answer, type FileAnswer, type Route, StreamOver, type Write } from "./route.ts";

/** A head is short; a body is a spec, or what a command reads. */
const LIMITS = { headBytes: 16 * 1024, bodyBytes: 8 * 1024 * 1024 } as const;
/** What a client may send ahead while it is answered. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** What waits for a slow reader. */
const BUFFER_BYTES_MAX = 256 * 1024;

/** How long clients may take; tests take less. */
export interface Patience {
  /** For a request, from its first byte. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly idleMs: number;
  /** A reader of whom nothing is taken for that long is left. */
  readonly stallMs: number;
}

export const PATIENCE: Patience = { requestMs: 30_000, idleMs: 60_000, stallMs: 10_000 };

export interface ConnectionOptions {
  readonly routes: readonly Route[];
  readonly patience: Patience;
}

export interface Connection {
  /** Ends it: at once when it is idle, else when what is done is done. Streams end now. */
  readonly stop: () => void;
  /** Through when the socket is closed. */
  readonly closed: Promise<void>;
}

interface State {
  readonly socket: Socket;
  readonly options: ConnectionOptions;
  readonly reader: RequestReader;
  readonly bell: ReturnType<typeof createBell>;
  /** Of the client having gone, or the server stopping. */
  readonly over: AbortController;
  /** The client sends no more. */
  ended: boolean;
  closed: boolean;
  stopping: boolean;
  busy: boolean;
}

/** Takes a connection over. */
export function attend(socket: Socket, options: ConnectionOptions): Connection {
  const bell = createBell();
  const state: State = {
    socket,
    options,
    reader: createRequestReader(LIMITS),
    bell,
    over: new AbortController(),
    ended: false,
    closed: false,
    stopping: false,
    busy: false,
  };
  socket.on("data", (bytes: Uint8Array) => {
    state.reader.push(Uint8Array.from(bytes));
    if (state.busy && state.reader.pendingBytes() > AHEAD_BYTES_MAX) socket.destroy();
    bell.ring();
  });
  socket.on("end", () => {
    state.ended = true;
    if (state.busy) state.over.abort();
    bell.ring();
  });
  socket.on("drain", bell.ring);
  // The end of the connection says it too.
  socket.on("error", bell.ring);
  const closed = new Promise<void>((resolve) =>
    socket.on("close", () => {
      state.closed = true;
      state.over.abort();
      bell.ring();
      resolve();
    })
  );
  void converse(state).catch((error: unknown) => {
    if (!(error instanceof StreamOver)) reportFault(error);
    socket.destroy();
  });
  const stop = (): void => {
    state.stopping = true;
    state.over.abort();
    bell.ring();
  };
  return { stop, closed };
}

/** A fault of ours: the others are served on. */
function reportFault(error: unknown): void {
  const { message } = failure(error).json.error;
  process.stderr.write(`${message}\n`);
}

async function converse(state: State): Promise<void> {
  const { socket, options: { patience } } = state;
  for (;;) {
    const request = await nextRequest(state);
    if (request === undefined) break;
    const goesOn = "code" in request ? answerFault(state, request) : await respond(state, request);
    await room(state, 0);
    if (!goesOn || state.stopping) break;
  }
  socket.end();
  // Whoever does not take what is there is not waited for.
  const timer = setTimeout(() => socket.destroy(), patience.stallMs);
  socket.on("close", () => clearTimeout(timer));
}

/** `undefined`: there will be none. */
async function nextRequest(state: State): Promise<HttpRequest | Fault | undefined> {
  const { reader, bell, socket, options: { patience } } = state;
  let begun: number | undefined;
  for (;;) {
    if (state.closed) return undefined;
    const found = reader.next();
    if (found !== undefined) return found;
    if (state.ended || (state.stopping && !reader.hasBegun())) return undefined;
    if (reader.awaitsContinue()) socket.write(CONTINUE);
    begun = reader.hasBegun() ? begun ?? performance.now() : undefined;
    const leftMs = begun === undefined
      ? patience.idleMs
      : begun + patience.requestMs - performance.now();
    if (leftMs > 0 && await bell.wait(leftMs) !== "late") continue;
    return begun === undefined ? undefined : badRequest("the request took too long", 408);
  }
}

function answerFault(state: State, fault: Fault): false {
  writeWhole(state, refused(fault), false);
  return false;
}

/** True: the connection goes on. */
async function respond(state: State, request: HttpRequest): Promise<boolean> {
  const { over, options: { routes } } = state;
  state.busy = true;
  const asker = { signal: over.signal, isStopping: () => state.stopping };
  const answer = await dispatch(routes, request, asker);
  const file = "file" in answer ? answer : undefined;
  using _open = file?.file;
  if (state.closed) throw new StreamOver("gone");
  const keepAlive = request.keepAlive && !state.ended && !state.stopping;
  if (file !== undefined) await writeFile(state, file, keepAlive);
  else if ("stream" in answer) {
    // Whoever sends no more still waits for an answer, but follows nothing.
    if (state.ended) over.abort();
    await writeStream(state, answer, { keepAlive, events: wantsEvents(request) });
  } else if ("json" in answer) writeWhole(state, answer, keepAlive);
  state.busy = false;
  return keepAlive;
}

/** Server-Sent Events, for who asks for them. */
const wantsEvents = ({ headers }: HttpRequest): boolean =>
  (headers.get("accept") ?? "").toLowerCase().includes("text/event-stream");

function writeWhole(
  { socket }: State,
  answer: Extract<Answer, { readonly json: unknown }> | Refused,
  keepAlive: boolean,
): void {
  const body = new TextEncoder().encode(`${JSON.stringify(answer.json, null, 2)}\n`);
  const { status = 200 } = answer;
  const headers = "headers" in answer ? { headers: answer.headers ?? {} } : {};
  const type = "application/json";
  socket.write(encodeHead({ status, type, length: body.length, keepAlive, ...headers }));
  socket.write(body);
}

/** Throws StreamOver: a client that has gone, or takes nothing, gets no more of it. */
async function writeFile(
  state: State,
  { file, type, headers }: FileAnswer,
  keepAlive: boolean,
): Promise<void> {
  const { socket } = state;
  const length = regularSize(file.number) ?? 0;
  socket.write(encodeHead({ status: 200, type, length, keepAlive, headers }));
  for (let left = length; left > 0;) {
    const bytes = readOnce({ fd: file.number, count: left });
    if (bytes.length === 0) throw new Error("a file became shorter while it was sent");
    socket.write(bytes);
    left -= bytes.length;
    await room(state, BUFFER_BYTES_MAX);
  }
}

async function writeStream(
  state: State,
  { stream }: Extract<Answer, { readonly stream: unknown }>,
  { keepAlive, events }: { readonly keepAlive: boolean; readonly events: boolean },
): Promise<void> {
  const { socket } = state;
  const type = events ? "text/event-stream" : "application/x-ndjson";
  const frame = (value: object): string =>
    events ? `data: ${JSON.stringify(value)}\n\n` : `${JSON.stringify(value)}\n`;
  const write: Write = async (value) => {
    socket.write(encodeChunk(frame(value)));
    await room(state, BUFFER_BYTES_MAX);
  };
  socket.write(encodeHead({ status: 200, type, keepAlive }));
  const end = await endOf(state, () => stream(write));
  if (state.closed) throw new StreamOver("gone");
  // The reason is the last that a reader gets: without it the stream was cut.
  socket.write(encodeChunk(`${events ? "event: end\n" : ""}${frame(end)}`));
  socket.write(LAST_CHUNK);
}

/** Runs a stream and says why it is over. */
async function endOf(state: State, run: () => Promise<void>): Promise<object> {
  try {
    await run();
    return { end: state.stopping ? "stopping" : "done" };
  } catch (error) {
    if (error instanceof StreamOver) return { end: error.reason };
    return { end: "failed", ...failure(error).json };
  }
}

/** Through when at most `bytes` wait for the reader. Throws StreamOver: it has gone, or takes nothing. */
async function room(state: State, bytes: number): Promise<void> {
  const { socket, bell, options: { patience } } = state;
  for (let before = socket.writableLength; before > bytes;) {
    if (state.closed) throw new StreamOver("gone");
    const late = await bell.wait(patience.stallMs) === "late";
    const now = socket.writableLength;
    if (late && now >= before) throw new StreamOver("slow");
    before = now;
  }
  if (state.closed) throw new StreamOver("gone");
}
