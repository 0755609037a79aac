/** What a route is: one row says what is asked for and how it is answered; the document that describes them is made of the same rows. */
import type { Fd } from "../../ffi/linux/fd.ts";
import type { Fields, Given } from "./http/fields.ts";

/** Of the connection that asks. */
export interface Asker {
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  readonly isStopping: () => boolean;
}

/** Takes one value of a stream; through when there is room for the next. Throws StreamOver when nobody takes it. */
export type Write = (value: object) => Promise<void>;

/** A whole answer; a file, which whoever answers closes; or one that goes on: values of JSON, each on a line of its own. */
export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | FileAnswer
  | { readonly stream: (write: Write) => Promise<void> };

export interface FileAnswer {
  /** From where it stands to its end. */
  readonly file: Fd;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Request<Path extends string, Query extends Fields, Body extends Fields> {
  /** Values of the `{names}` of the path. */
  readonly path: Readonly<Record<Path, string>>;
  readonly query: Given<Query>;
  readonly body: Given<Body>;
  /** The body as it came, where the route takes a spec or an archive. */
  readonly content: Uint8Array;
  readonly asker: Asker;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Segments; `{name}` stands for any one. */
  readonly path: string;
  readonly summary: string;
  readonly query: Fields;
  /** `spec`: YAML or JSON of a spec; `archive`: of tar; fields: an object of JSON; absent: there must be none. */
  readonly body?: Fields | "spec" | "archive";
  /** Of a good answer, where it is not JSON. */
  readonly type?: string;
  /** What a good answer is. */
  readonly gives: string;
  readonly streams: boolean;
  readonly answer: (request: AnyRequest) => Promise<Answer> | Answer;
}

/** A request of whatever row. */
export interface AnyRequest extends Omit<Request<string, Fields, Fields>, "query" | "body"> {
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

type NamesOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesOf<Rest>
  : never;

/** A row, its handler held against its path and its fields. */
export function route<
  const Path extends string,
  const Query extends Fields = Record<never, never>,
  const Body extends Fields = Record<never, never>,
>(
  row: {
    readonly method: Route["method"];
    readonly path: Path;
    readonly summary: string;
    readonly query?: Query;
    readonly body?: Body | "spec" | "archive";
    readonly type?: string;
    readonly gives: string;
    readonly streams?: boolean;
    readonly answer: (
      request: Request<NamesOf<Path>, Query, Body>,
    ) => Promise<Answer> | Answer;
  },
): Route {
  // Sound: the server gives a handler exactly what its own row says.
  return { query: {}, streams: false, ...row } as unknown as Route;
}

/** Nobody takes what is written: why. */
export class StreamOver extends Error {
  readonly reason: "gone" | "slow" | "stopping";

  constructor(reason: StreamOver["reason"]) {
    super(`the stream is over: ${reason}`);
    this.name = "StreamOver";
    this.reason = reason;
  }
}
