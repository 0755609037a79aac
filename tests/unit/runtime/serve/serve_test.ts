// runs-under: bun, deno
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerRefusal } from "../../../../runtime/serve/admit.ts";
import { dispatch } from "../../../../runtime/serve/dispatch.ts";
import { openapi } from "../../../../runtime/serve/openapi.ts";
import type { HttpRequest } from "../../../../runtime/serve/http/reader.ts";
import { type Route, route } from "../../../../runtime/serve/route.ts";
import { ROUTES } from "../../../../runtime/serve/routes.ts";
import { STATUSES, statusOf } from "../../../../runtime/serve/status.ts";
import { REPOSITORY } from "../../../support/cli.ts";

const ASKER = { signal: new AbortController().signal, isStopping: () => false };

async function ask(
  routes: readonly Route[],
  line: string,
  { headers = {}, content = "" }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly content?: string;
  } = {},
): Promise<readonly [status: number, code: unknown]> {
  const [method = "", target = ""] = line.split(" ");
  const request: HttpRequest = {
    method,
    target,
    headers: new Map(Object.entries(headers)),
    body: { bytes: content.length },
    expectsContinue: false,
    keepAlive: true,
    content: new TextEncoder().encode(content),
  };
  const answer = await dispatch(routes, request, ASKER);
  assert("json" in answer);
  const { json, status = 200 } = answer;
  return [status, (json as { readonly error?: { readonly code: string } }).error?.code ?? json];
}

test("dispatch() gives a row what it says, and refuses the rest by what is wrong", async () => {
  const rows = [
    route({
      method: "POST",
      path: "/v1/a/{name}",
      summary: "",
      query: { flag: { kind: "flag", help: "" } },
      body: { text: { kind: "text", help: "", required: true } },
      gives: "",
      answer: ({ path, query, body }) => ({ json: [path.name, query.flag, body.text] }),
    }),
    route({
      method: "GET",
      path: "/v1/a/{name}",
      summary: "",
      gives: "",
      answer: () => {
        throw new TypeError("a fault of ours");
      },
    }),
    route({
      method: "POST",
      path: "/v1/spec",
      summary: "",
      body: "spec",
      gives: "",
      answer: ({ content }) => ({ json: new TextDecoder().decode(content) }),
    }),
  ];
  const json = { "content-type": "application/json; charset=utf-8" };
  const post = "POST /v1/a/b%2Fc?flag";
  const content = '{"text": "t"}';
  assertEquals(await ask(rows, post, { headers: json, content }), [200, ["b/c", true, "t"]]);
  assertEquals(await ask(rows, "POST /v1/spec", { content: "a: 1" }), [200, "a: 1"]);
  assertEquals(await ask(rows, "GET /v1/a/b"), [500, "BUG"]);
  const refused: readonly (readonly [string, Parameters<typeof ask>[2], number, string])[] = [
    ["GET /v1/b", {}, 404, "NO_SUCH_ROUTE"],
    ["PATCH /v1/a/b", {}, 405, "BAD_REQUEST"],
    ["GET /v1/a/b", { content: "x" }, 400, "BAD_REQUEST"],
    [post, {}, 400, "BAD_REQUEST"],
    [post, { content }, 415, "BAD_REQUEST"],
    [post, { headers: { "content-type": "text/plain" }, content }, 415, "BAD_REQUEST"],
    [post, { headers: json, content: "{" }, 400, "BAD_REQUEST"],
    [post, { headers: json, content: '{"text": "t", "x": 1}' }, 400, "BAD_REQUEST"],
    [`${post}&flag`, { headers: json, content }, 400, "BAD_REQUEST"],
    [post, { headers: { ...json, "content-encoding": "gzip" }, content }, 415, "BAD_REQUEST"],
    [post, { headers: { ...json, origin: "http://x" }, content }, 403, "ORIGIN_REFUSED"],
    [post, { headers: { ...json, "sec-fetch-site": "none" }, content }, 403, "ORIGIN_REFUSED"],
  ];
  for (const [line, options, status, code] of refused) {
    assertEquals(await ask(rows, line, options), [status, code], `${line} ${options?.content}`);
  }
});

test("peerRefusal() lets in root and the own user, and nobody from inside a container", () => {
  const namespaces: Readonly<Record<string, string>> = { self: "A", "10": "A", "20": "B" };
  const refusal = (uid: number, pid: number, own: number): string | undefined =>
    peerRefusal({ pid, uid, gid: 0 }, { uid: own, namespacesOf: (of) => namespaces[String(of)] });
  assertEquals([refusal(0, 10, 0), refusal(1000, 10, 1000), refusal(0, 10, 1000)], [
    undefined,
    undefined,
    undefined,
  ]);
  // What root runs can't be looked at by others.
  assertEquals(refusal(0, 30, 1000), undefined);
  assertMatch(refusal(1000, 10, 0) ?? "", /user 1000 is neither root nor user 0/);
  assertMatch(refusal(1001, 10, 1000) ?? "", /user 1001/);
  for (const [uid, own] of [[0, 0], [1000, 1000], [0, 1000]] as const) {
    assertMatch(refusal(uid, 20, own) ?? "", /container/);
    // Of no pid namespace that is seen from here.
    assertMatch(refusal(uid, 0, own) ?? "", /can't be seen/);
  }
  // It has gone.
  assertMatch(refusal(0, 30, 0) ?? "", /can't be seen/);
  assertMatch(refusal(1000, 30, 1000) ?? "", /can't be seen/);
});

test("every route is described by openapi(), and every code of a status is an error", () => {
  const { paths } = JSON.parse(JSON.stringify(openapi(ROUTES, "1"))) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  };
  const rows = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assertEquals(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
    ).sort(),
    [...rows].sort(),
  );
  assertEquals(new Set(rows).size, rows.length, "a row is there twice");
  const errors = readFileSync(`${REPOSITORY}/docs/errors.md`, "utf8");
  for (const [status, codes] of Object.entries(STATUSES)) {
    for (const code of codes) {
      assert(errors.includes(`\n### ${code}\n`), `${code} is no error`);
      assertEquals(statusOf(code), Number(status));
    }
  }
  assertEquals(statusOf("BUG"), 500);
});
