/**
 * The head of a request, strictly by RFC 9112: what two readers could read differently is refused, never guessed. Pure.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112
 */
import { badRequest, type Fault, tooLarge } from "./fault.ts";

/** How the length of a body is said. */
export type BodyLength = { readonly bytes: number } | "chunked";

export interface RequestHead {
  readonly method: string;
  /** As it was sent: begins with `/`, has no fragment. */
  readonly target: string;
  /** Names in lower case; of none of them were there two. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: BodyLength;
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** False: the connection ends with the answer. */
  readonly keepAlive: boolean;
}

export const TARGET_BYTES_MAX = 8192;
export const HEADERS_MAX = 64;

/** token of RFC 9110, 5.6.2 */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const REQUEST_LINE = /^([A-Z]{1,16}) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/;
/** A host and a port; of a unix socket nobody looks at them. */
const HOST = /^[A-Za-z0-9._~%!$&'()*+,;=:[\]-]*$/;

/** `text`: everything before the empty line, one character per byte. */
export function parseHead(text: string): RequestHead | Fault {
  const [first = "", ...lines] = text.split("\r\n");
  if (/[^\t\x20-\x7e]/.test(lines.join("") + first)) {
    return badRequest("the head holds a control character, a lone CR or LF, or what is no ASCII");
  }
  const request = parseRequestLine(first);
  if ("status" in request) return request;
  const headers = parseHeaders(lines);
  if ("status" in headers) return headers;
  const host = headers.get("host");
  if (host === undefined || !HOST.test(host)) return badRequest("exactly one Host is needed");
  const body = bodyLength(headers);
  if (typeof body === "object" && "status" in body) return body;
  const expect = headers.get("expect")?.toLowerCase();
  if (expect !== undefined && expect !== "100-continue") {
    return badRequest("of Expect only 100-continue is known", 417);
  }
  const options = (headers.get("connection") ?? "").toLowerCase().split(",");
  return {
    ...request,
    headers,
    body,
    expectsContinue: expect !== undefined,
    keepAlive: !options.some((option) => option.trim() === "close"),
  };
}

function parseRequestLine(line: string): Pick<RequestHead, "method" | "target"> | Fault {
  const [, method, target, major, minor] = REQUEST_LINE.exec(line) ?? [];
  if (method === undefined || target === undefined) {
    return badRequest("the first line is not METHOD TARGET HTTP/1.1");
  }
  if (`${major}.${minor}` !== "1.1") return badRequest("HTTP/1.1 is spoken here", 505);
  if (!target.startsWith("/") || target.includes("#")) {
    return badRequest("the target is a path that begins with /");
  }
  if (target.length > TARGET_BYTES_MAX) {
    return tooLarge(414, `the target has more than ${TARGET_BYTES_MAX} bytes`);
  }
  return { method, target };
}

function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> | Fault {
  if (lines.length > HEADERS_MAX) return tooLarge(431, `more than ${HEADERS_MAX} headers`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    // A line that begins with a blank would be the former line's continuation, which RFC 9112 forbids.
    if (!NAME.test(name)) return badRequest("a header is NAME: VALUE, on one line");
    const key = name.toLowerCase();
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
    const before = headers.get(key);
    if (before !== undefined && !LISTS.has(key)) return badRequest(`two headers ${key}`);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** Headers of which several lines are one list. */
const LISTS: ReadonlySet<string> = new Set(["accept", "connection", "accept-encoding"]);

/** Content-Length and Transfer-Encoding contradict each other: whoever sends both hides a request in a body. */
function bodyLength(headers: ReadonlyMap<string, string>): BodyLength | Fault {
  const length = headers.get("content-length");
  const encoding = headers.get("transfer-encoding");
  if (encoding !== undefined) {
    if (length !== undefined) return badRequest("Content-Length and Transfer-Encoding at once");
    if (encoding.toLowerCase() === "chunked") return "chunked";
    return badRequest("of transfer encodings only chunked is known", 501);
  }
  if (length === undefined) return { bytes: 0 };
  if (!/^\d{1,12}$/.test(length)) return badRequest("Content-Length is a number of bytes");
  return { bytes: Number(length) };
}
