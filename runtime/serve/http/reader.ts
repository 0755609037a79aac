/** The bytes of a connection → its requests, one after the other, whatever pieces they come in. Pure and bounded. */
import { joinBytes } from "../../../ffi/memory/bytes.ts";
import { badRequest, type Fault, tooLarge } from "./fault.ts";
import { parseHead, type RequestHead } from "./head.ts";

export interface HttpRequest extends RequestHead {
  readonly content: Uint8Array;
}

export interface ReaderLimits {
  /** Of the first line and the headers. */
  readonly headBytes: number;
  /** Of a body, without its framing. */
  readonly bodyBytes: number;
}

export interface RequestReader {
  readonly push: (bytes: Uint8Array) => void;
  /** The next request that is there to its end; `undefined`: more has to come. After a fault there are no more. */
  readonly next: () => HttpRequest | Fault | undefined;
  /** A head is there whose client waits to be told to go on; said once. */
  readonly awaitsContinue: () => boolean;
  /** Something of a request is there. */
  readonly hasBegun: () => boolean;
  /** Bytes that are not yet a request's. */
  readonly pendingBytes: () => number;
}

const CR = 13;
const LF = 10;
/** A chunk's size in hexadecimal digits, without extensions, and the end of its line. */
const CHUNK_LINE_MAX = 10;

interface Body {
  readonly head: RequestHead;
  readonly parts: Uint8Array[];
  bytes: number;
  /** Bytes of the part that is being read; `undefined`: the line of a chunk's size is next. */
  left: number | undefined;
  /** The part is the empty one that ends all chunks. */
  last: boolean;
}

interface State {
  pending: Uint8Array;
  body: Body | undefined;
  fault: Fault | undefined;
  told: boolean;
}

export function createRequestReader(limits: ReaderLimits): RequestReader {
  const state: State = {
    pending: new Uint8Array(),
    body: undefined,
    fault: undefined,
    told: false,
  };
  return {
    push(bytes) {
      state.pending = state.pending.length === 0 ? bytes : joinBytes([state.pending, bytes]);
    },
    next() {
      if (state.fault !== undefined) return state.fault;
      const found = nextOf(state, limits);
      if (found !== undefined && "status" in found) state.fault = found;
      return found;
    },
    awaitsContinue() {
      const waits = state.body?.head.expectsContinue === true && !state.told &&
        state.body.bytes === 0 && state.pending.length === 0;
      state.told ||= waits;
      return waits;
    },
    hasBegun: () => state.body !== undefined || state.pending.length > 0,
    pendingBytes: () => state.pending.length,
  };
}

function nextOf(state: State, limits: ReaderLimits): HttpRequest | Fault | undefined {
  if (state.body === undefined) {
    const head = takeHead(state, limits);
    if (head === undefined || "status" in head) return head;
    const { body } = head;
    if (body !== "chunked" && body.bytes > limits.bodyBytes) return bodyTooLarge(limits);
    state.told = false;
    const left = body === "chunked" ? undefined : body.bytes;
    state.body = { head, parts: [], bytes: 0, left, last: false };
  }
  const done = state.body.head.body === "chunked"
    ? takeChunks(state, state.body, limits)
    : takePart(state, state.body);
  if (done === false) return undefined;
  if (done !== true) return done;
  const { head, parts } = state.body;
  state.body = undefined;
  return { ...head, content: joinBytes(parts) };
}

const bodyTooLarge = ({ bodyBytes }: ReaderLimits): Fault =>
  tooLarge(413, `the body has more than ${bodyBytes} bytes`);

function takeHead(state: State, { headBytes }: ReaderLimits): RequestHead | Fault | undefined {
  const { pending } = state;
  const [first] = pending;
  // Anything else than a method (TLS, a line that is empty): no line may ever end.
  if (first !== undefined && (first < 0x41 || first > 0x5a)) {
    return badRequest("a request begins with its method");
  }
  const end = endOfHead(pending.subarray(0, headBytes));
  if (typeof end === "object") return end;
  if (end < 0) {
    return pending.length < headBytes
      ? undefined
      : tooLarge(431, `the head has more than ${headBytes} bytes`);
  }
  state.pending = pending.subarray(end + 4);
  return parseHead(String.fromCharCode(...pending.subarray(0, end)));
}

/** Where the empty line begins, by its CR LF before; -1: it is not there yet. */
function endOfHead(bytes: Uint8Array): number | Fault {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return badRequest("a line ends with CR LF");
    if (bytes[at - 2] === LF && bytes[at - 3] === CR) return at - 3;
  }
  return -1;
}

/** True: the part is whole. */
function takePart(state: State, body: Body): boolean {
  const wanted = body.left ?? 0;
  const part = state.pending.subarray(0, wanted);
  state.pending = state.pending.subarray(part.length);
  if (part.length > 0) body.parts.push(part);
  body.bytes += part.length;
  body.left = wanted - part.length;
  return body.left === 0;
}

/** True: the last chunk was there. False: more has to come. */
function takeChunks(state: State, body: Body, limits: ReaderLimits): boolean | Fault {
  for (;;) {
    if (body.left !== undefined) {
      if (!takePart(state, body)) return false;
      const end = takeLine(state, 2);
      if (end === undefined) return false;
      if (end !== "") {
        return badRequest(body.last ? "trailers are not taken" : "a chunk is longer than it says");
      }
      if (body.last) return true;
      body.left = undefined;
    }
    const line = takeLine(state, CHUNK_LINE_MAX);
    if (line === undefined) return false;
    if (typeof line !== "string") return line;
    if (!/^[0-9A-Fa-f]{1,8}$/.test(line)) return badRequest("a chunk begins with its size alone");
    body.left = Number.parseInt(line, 16);
    body.last = body.left === 0;
    if (body.bytes + body.left > limits.bodyBytes) return bodyTooLarge(limits);
  }
}

/** The next line without its end, of at most `max` bytes with it; `undefined`: it is not there to its end. */
function takeLine(state: State, max: number): string | Fault | undefined {
  const { pending } = state;
  const end = pending.subarray(0, max).indexOf(LF);
  if (end < 0) {
    return pending.length < max ? undefined : badRequest("a line of a chunk is too long");
  }
  if (pending[end - 1] !== CR) return badRequest("a line ends with CR LF");
  state.pending = pending.subarray(end + 1);
  return String.fromCharCode(...pending.subarray(0, end - 1));
}
