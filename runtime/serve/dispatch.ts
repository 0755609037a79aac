/** A request → its answer: the row of the table that is meant, what was given held against it, and errors as JSON. */
import { factsOf } from "../apply/facts.ts";
import { ContainervError, type ErrorFacts } from "../plan/error.ts";
import { badRequest, type Fault } from "./http/fault.ts";
import { readMembers, readQuery } from "./http/fields.ts";
import { matchRoute } from "./http/match.ts";
import type { HttpRequest } from "./http/reader.ts";
import { parseTarget } from "./http/target.ts";
import type { Answer, AnyRequest, Asker, Route } from "./route.ts";
import { statusOf } from "./status.ts";

/** An answer that says what is wrong. */
export interface Refused {
  readonly status: number;
  readonly json: { readonly error: ErrorFacts };
  readonly headers?: Readonly<Record<string, string>>;
}

export const refused = ({ status, ...error }: Fault): Refused => ({ status, json: { error } });

/** What was thrown, as JSON. */
export function failure(error: unknown): Refused {
  const facts = factsOf(error);
  return { status: statusOf(facts.code), json: { error: facts } };
}

/** Answers; never throws for what the request holds. */
export async function dispatch(
  routes: readonly Route[],
  request: HttpRequest,
  asker: Asker,
): Promise<Answer | Refused> {
  try {
    const found = findRoute(routes, request);
    if ("status" in found) return found;
    const { row, given } = found;
    return await row.answer({ ...given, asker });
  } catch (error) {
    return failure(error);
  }
}

interface Found {
  readonly row: Route;
  readonly given: Omit<AnyRequest, "asker">;
}

function findRoute(routes: readonly Route[], request: HttpRequest): Found | Refused {
  // What a browser sends from a page of somebody else; no other client has a reason to.
  const origin = request.headers.get("origin") ?? request.headers.get("sec-fetch-site");
  if (origin !== undefined) {
    throw new ContainervError({
      code: "ORIGIN_REFUSED",
      message: "requests of web pages are not answered: there is an Origin",
    });
  }
  const target = parseTarget(request.target);
  if ("status" in target) return refused(target);
  const match = matchRoute(routes, request.method, target.segments);
  if (!("row" in match)) return noRoute(request.method, match);
  const { row, names } = match;
  const query = readQuery(target.query, row.query);
  if (isFault(query)) return refused(query);
  const body = readBody(row, request);
  if (isFault(body)) return refused(body);
  return { row, given: { path: names, query, body, content: request.content } };
}

const isFault = (value: object): value is Fault =>
  "status" in value && typeof value.status === "number" && "code" in value;

function noRoute(method: string, allowed: readonly string[]): Refused {
  if (allowed.length === 0) {
    return failure(
      new ContainervError({
        code: "NO_SUCH_ROUTE",
        message: "there is nothing at this path",
        fix: "GET /v1/openapi.json says what there is",
      }),
    );
  }
  const list = allowed.join(", ");
  const fault = badRequest(`${method} is not for this path: ${list}`, 405);
  return { ...refused(fault), headers: { Allow: list } };
}

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** The members of a body of JSON; of others it is only held against what the row takes. */
function readBody(
  { body }: Route,
  { content, headers }: HttpRequest,
): Readonly<Record<string, unknown>> | Fault {
  const type = headers.get("content-type");
  if (content.length === 0) return typeof body === "object" ? readMembers({}, body) : {};
  if (body === undefined) return badRequest("no body is taken here");
  if (headers.has("content-encoding")) return badRequest("no Content-Encoding is taken", 415);
  // A spec is YAML, of which JSON is a part, whatever a client calls it: curl calls everything a form.
  if (body === "spec" || body === "archive") return {};
  if (type === undefined || !JSON_TYPE.test(type)) {
    return badRequest("the body is application/json", 415);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    return readMembers(JSON.parse(text), body);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      return badRequest("the body is no JSON");
    }
    throw error;
  }
}
