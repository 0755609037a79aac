/** Answers → bytes. Pure. */
import { joinBytes } from "../../../ffi/memory/bytes.ts";

/** Reason phrases of RFC 9110 for what is answered here. */
const PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

export interface AnswerHead {
  readonly status: number;
  readonly type: string;
  /** Bytes of the body; absent: it comes in chunks. */
  readonly length?: number;
  readonly keepAlive: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

const encoder = new TextEncoder();
const LINE_END = encoder.encode("\r\n");

export const CONTINUE: Uint8Array = encoder.encode("HTTP/1.1 100 Continue\r\n\r\n");

export function encodeHead({ status, type, length, keepAlive, headers }: AnswerHead): Uint8Array {
  const lines = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? "Other"}`,
    `Content-Type: ${type}`,
    length === undefined ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`,
    "Cache-Control: no-store",
    "X-Content-Type-Options: nosniff",
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    ...(keepAlive ? [] : ["Connection: close"]),
  ];
  return encoder.encode(`${lines.join("\r\n")}\r\n\r\n`);
}

/** One chunk of a body; never an empty one, which would be the last. */
export function encodeChunk(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return joinBytes([encoder.encode(`${bytes.length.toString(16)}\r\n`), bytes, LINE_END]);
}

export const LAST_CHUNK: Uint8Array = encoder.encode("0\r\n\r\n");
