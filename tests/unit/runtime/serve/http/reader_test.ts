import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { createRequestReader } from "../../../../../runtime/serve/http/reader.ts";

const LIMITS = { headBytes: 1024, bodyBytes: 64 } as const;
const bytesOf = (text: string): Uint8Array =>
  Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** All requests of a text: method, target and body of each, or the status of the fault; `…`: more has to come. */
function read(text: string, pieces = [text]): string[] {
  const reader = createRequestReader(LIMITS);
  const seen: string[] = [];
  for (const piece of pieces) {
    reader.push(bytesOf(piece));
    for (;;) {
      const next = reader.next();
      if (next === undefined) break;
      if ("status" in next) return [...seen, String(next.status)];
      seen.push(`${next.method} ${next.target} ${new TextDecoder().decode(next.content)}`.trim());
    }
  }
  return reader.hasBegun() ? [...seen, "…"] : seen;
}

const HOST = "Host: x\r\n";
const post = (headers: string, body = ""): string =>
  `POST /p HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";

/** What is taken: the text, and the requests in it. */
const GOOD: Readonly<Record<string, readonly [text: string, requests: readonly string[]]>> = {
  "one request": [`GET /a?b=c HTTP/1.1\r\n${HOST}\r\n`, ["GET /a?b=c"]],
  "an empty Host": ["GET / HTTP/1.1\r\nHost:\r\n\r\n", ["GET /"]],
  "two in a row": [
    `GET /a HTTP/1.1\r\n${HOST}\r\nGET /b HTTP/1.1\r\n${HOST}\r\n`,
    ["GET /a", "GET /b"],
  ],
  "a body by its length, and the next": [
    post("Content-Length: 3\r\n", `abcGET /b HTTP/1.1\r\n${HOST}\r\n`),
    ["POST /p abc", "GET /b"],
  ],
  "chunks": [post(CHUNKED, "3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n"), ["POST /p abc0123456789"]],
  "no chunk at all": [post(CHUNKED, "0\r\n\r\n"), ["POST /p"]],
  "a body that holds a request": [
    post("Content-Length: 16\r\n", "GET / HTTP/1.1\r\n"),
    ["POST /p GET / HTTP/1.1"],
  ],
  "the beginning of a head": ["GET /a HTT", ["…"]],
  "the beginning of a body": [post("Content-Length: 3\r\n", "ab"), ["…"]],
  "the beginning of a chunk": [post(CHUNKED, "3\r\nabc"), ["…"]],
  "the beginning of the last line": [post(CHUNKED, "0\r\n\r"), ["…"]],
  "nothing": ["", []],
};

/** What is refused, with its status. */
const BAD: Readonly<Record<string, readonly [text: string, status: number]>> = {
  "no method": [" / HTTP/1.1\r\n\r\n", 400],
  "TLS": ["\x16\x03\x01\x02\x00\x01", 400],
  "an empty line first": [`\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, 400],
  "small letters": [`get / HTTP/1.1\r\n${HOST}\r\n`, 400],
  "two blanks": [`GET  / HTTP/1.1\r\n${HOST}\r\n`, 400],
  "a tab": [`GET\t/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  "a blank behind": [`GET / HTTP/1.1 \r\n${HOST}\r\n`, 400],
  "HTTP/1.0": [`GET / HTTP/1.0\r\n${HOST}\r\n`, 505],
  "HTTP/2's preface": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
  "HTTP/0.9": ["GET /\r\n\r\n", 400],
  "an absolute target": [`GET http://x/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  "a fragment": [`GET /#a HTTP/1.1\r\n${HOST}\r\n`, 400],
  "a target that is no ASCII": [`GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`, 400],
  "LF alone": ["GET / HTTP/1.1\nHost: x\n\n", 400],
  "LF alone at the end": [`GET / HTTP/1.1\r\n${HOST}\n`, 400],
  "CR alone": ["GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", 400],
  "NUL": ["GET / HTTP/1.1\r\nHost: x\0\r\n\r\n", 400],
  "no Host": ["GET / HTTP/1.1\r\n\r\n", 400],
  "two Hosts": ["GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400],
  "a Host that is none": ["GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400],
  "a folded header": [`GET / HTTP/1.1\r\n${HOST}A: b\r\n c\r\n\r\n`, 400],
  "a blank before the colon": [`GET / HTTP/1.1\r\n${HOST}A : b\r\n\r\n`, 400],
  "a header without a name": [`GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`, 400],
  "a header without a colon": [`GET / HTTP/1.1\r\n${HOST}Ab\r\n\r\n`, 400],
  "two lengths": [post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), 400],
  "a list of lengths": [post("Content-Length: 1, 1\r\n", "a"), 400],
  "a length with a sign": [post("Content-Length: +1\r\n", "a"), 400],
  "a length below nothing": [post("Content-Length: -1\r\n", "a"), 400],
  "a length in hexadecimal": [post("Content-Length: 0x1\r\n", "a"), 400],
  "an empty length": [post("Content-Length: \r\n", "a"), 400],
  "a length beyond numbers": [post("Content-Length: 99999999999999999999\r\n"), 400],
  "a length and chunks": [post(`Content-Length: 3\r\n${CHUNKED}`, "0\r\n\r\n"), 400],
  "chunks twice": [post(`${CHUNKED}${CHUNKED}`, "0\r\n\r\n"), 400],
  "another encoding": [post("Transfer-Encoding: gzip, chunked\r\n"), 501],
  "chunks, hidden": [post("Transfer-Encoding: \x0bchunked\r\n"), 400],
  "an unknown expectation": [post("Expect: 200-ok\r\n"), 417],
  "a chunk's extension": [post(CHUNKED, "3;a=b\r\nabc\r\n0\r\n\r\n"), 400],
  "a chunk's size with 0x": [post(CHUNKED, "0x3\r\nabc\r\n0\r\n\r\n"), 400],
  "a chunk without a size": [post(CHUNKED, "\r\nabc\r\n"), 400],
  "a chunk's size with a blank": [post(CHUNKED, "3 \r\nabc\r\n"), 400],
  "a chunk's size without an end": [post(CHUNKED, "00000000003\r\n"), 400],
  "a chunk's line with LF alone": [post(CHUNKED, "3\nabc\r\n0\r\n\r\n"), 400],
  "a chunk that is longer": [post(CHUNKED, "2\r\nabc\r\n0\r\n\r\n"), 400],
  "a trailer": [post(CHUNKED, "0\r\nA: b\r\n\r\n"), 400],
  "a long body": [post("Content-Length: 65\r\n"), 413],
  "long chunks": [post(CHUNKED, `20\r\n${"a".repeat(32)}\r\n21\r\n`), 413],
  "a chunk that never ends": [post(CHUNKED, "ffffffff\r\n"), 413],
  "a long head": [`GET / HTTP/1.1\r\nA: ${"b".repeat(1024)}`, 431],
  "a long target": [`GET /${"a".repeat(2000)} HTTP/1.1\r\n${HOST}\r\n`, 431],
};

test("createRequestReader() takes requests, in one piece and byte by byte", () => {
  for (const [name, [text, wanted]] of Object.entries(GOOD)) {
    assertEquals(read(text), wanted, name);
    assertEquals(read(text, [...text]), wanted, `${name}, byte by byte`);
  }
});

test("createRequestReader() refuses what could be read in two ways, and reads nothing behind it", () => {
  for (const [name, [text, status]] of Object.entries(BAD)) {
    const behind = `${text}GET /smuggled HTTP/1.1\r\n${HOST}\r\n`;
    assertEquals(read(behind), [String(status)], name);
    assertEquals(read(behind, [...behind]), [String(status)], `${name}, byte by byte`);
  }
});

test("createRequestReader() counts headers, and knows what a connection is for", () => {
  const many = "A: b\r\n".repeat(70).replace(/A/g, () => `A${Math.random().toString(36).slice(2)}`);
  const reader = createRequestReader({ headBytes: 1 << 16, bodyBytes: 0 });
  reader.push(bytesOf(`GET / HTTP/1.1\r\n${HOST}${many}\r\n`));
  const fault = reader.next();
  assert(fault !== undefined && "status" in fault && fault.status === 431);
  assertEquals(reader.next(), fault, "a fault stays");
  const closing = createRequestReader(LIMITS);
  closing.push(bytesOf(`GET / HTTP/1.1\r\n${HOST}Connection: x, Close\r\n\r\n`));
  const request = closing.next();
  assert(request !== undefined && !("status" in request));
  assertEquals(request.keepAlive, false);
});

test("createRequestReader() says once that a client waits to be told to go on", () => {
  const reader = createRequestReader(LIMITS);
  reader.push(bytesOf(post("Content-Length: 1\r\nExpect: 100-continue\r\n")));
  assertEquals([reader.next(), reader.awaitsContinue(), reader.awaitsContinue()], [
    undefined,
    true,
    false,
  ]);
  reader.push(bytesOf("a"));
  const request = reader.next();
  assert(request !== undefined && !("status" in request));
  assertEquals(request.content.length, 1);
});

/** More: CONTAINERV_FUZZ_ROUNDS. */
const ROUNDS = Number(process.env["CONTAINERV_FUZZ_ROUNDS"] ?? 300);

test("createRequestReader() never throws, holds little and reads the same in any pieces", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(seed / 65_536) % below;
  };
  const seeds = [...Object.values(GOOD), ...Object.values(BAD)].map(([text]) => text);
  const marks = ["\r\n", "\n", "\r", "\0", " ", ":", ";", "0", "Content-Length: 5\r\n", CHUNKED];
  for (let round = 0; round < ROUNDS; round++) {
    let text = (seeds[random(seeds.length)] ?? "") + (seeds[random(seeds.length)] ?? "");
    for (let change = random(4); change > 0; change--) {
      const at = random(text.length + 1);
      const mark = marks[random(marks.length)] ?? "";
      text = text.slice(0, at) + mark + text.slice(at + random(3));
    }
    const whole = read(text);
    const cut = random(text.length + 1);
    assertEquals(read(text, [text.slice(0, cut), text.slice(cut)]), whole, JSON.stringify(text));
    assertEquals(read(text, [...text]), whole, JSON.stringify(text));
  }
});
