// runs-under: bun, deno
/** Clients of `serve` that are slow, many, silent or gone: nobody holds what others need, and nothing piles up. */
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PATIENCE as SERVES } from "../../../runtime/serve/connection.ts";
import { listenAt } from "../../../runtime/serve/listen.ts";
import { route, StreamOver } from "../../../runtime/serve/route.ts";
import { startServer } from "../../../runtime/serve/server.ts";
import { PATIENCE } from "../../support/cli.ts";
import { linux, missing } from "../../support/require.ts";
import { tempDir } from "../../support/temp.ts";

interface Client {
  readonly socket: Socket;
  readonly got: () => string;
  readonly closed: Promise<void>;
}

/** A connection with what came back on it; `read: false`: it takes nothing until `socket.resume()`. */
function open(path: string, text: string, { read = true } = {}): Client {
  const socket = connect({ path, allowHalfOpen: true });
  let got = "";
  if (read) socket.on("data", (bytes) => got += bytes.toString("latin1"));
  else socket.pause();
  // The server may close while something is on its way.
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.write(text);
  return { socket, got: () => got, closed };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (const begin = performance.now(); !holds();) {
    if (performance.now() - begin > 10_000 * PATIENCE) throw new Error(`not within 10 s: ${what}`);
    await sleep(5);
  }
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
/** Short, for they are waited for. */
const LIMITS = { requestMs: 150 * PATIENCE, idleMs: 250 * PATIENCE, stallMs: 400 * PATIENCE };

/** A server of two streams: one that never ends, and one that says nothing. */
async function serveStreams(path: string, patience = LIMITS) {
  const seen = { written: 0, over: "", aborted: 0 };
  const flood = async (write: (value: object) => Promise<void>): Promise<void> => {
    try {
      for (;; seen.written++) await write({ text: "y".repeat(1000) });
    } catch (error) {
      if (error instanceof StreamOver) seen.over = error.reason;
      throw error;
    }
  };
  const quiet = async (signal: AbortSignal): Promise<void> => {
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    }
    seen.aborted++;
  };
  const row = { method: "GET", summary: "", gives: "", streams: true } as const;
  const routes = [
    route({ ...row, path: "/flood", answer: () => ({ stream: flood }) }),
    route({
      ...row,
      path: "/quiet",
      answer: ({ asker: { signal } }) => ({ stream: () => quiet(signal) }),
    }),
    route({ ...row, path: "/big", answer: () => ({ json: "z".repeat(3_000_000) }) }),
  ];
  const server = await startServer(listenAt(path), { routes, patience });
  return { seen, server };
}

describe("connections of serve", { skip: missing(linux()) }, () => {
  test("a slow reader is waited for, then left with the reason; one that is gone ends its stream", async () => {
    using directory = tempDir();
    const path = directory.file("s");
    const { seen, server } = await serveStreams(path);
    try {
      const slow = open(path, get("/flood"), { read: false });
      await until(() => seen.over !== "", "it is left");
      assertEquals(seen.over, "slow");
      assert(seen.written < 2000, `${seen.written} KB were held for it`);
      let tail = "";
      slow.socket.on("data", (bytes) => tail = (tail + bytes.toString("latin1")).slice(-60));
      slow.socket.resume();
      await slow.closed;
      assertMatch(tail, /\r\n\{"end":"slow"\}\n\r\n0\r\n\r\n$/);
      const gone = open(path, get("/quiet"));
      await until(() => gone.got() !== "", "the stream has begun");
      gone.socket.destroy();
      await until(() => seen.aborted === 1, "the stream of one that is gone ends");
      const half = open(path, get("/quiet"));
      await until(() => half.got() !== "", "the stream has begun");
      half.socket.end();
      await until(() => seen.aborted === 2, "whoever sends no more follows nothing");
      // But is answered.
      const whole = connect({ path, allowHalfOpen: true });
      let bytes = 0;
      whole.on("data", (part) => bytes += part.length);
      whole.end(get("/big"));
      await new Promise((resolve) => whole.on("end", resolve));
      assert(bytes > 3_000_000);
    } finally {
      await server.stop();
    }
  });

  test("requests that never end and idle connections are ended", async () => {
    using directory = tempDir();
    const path = directory.file("s");
    const { server } = await serveStreams(path);
    try {
      const part = open(path, "GET /qui");
      const body = open(path, "POST /quiet HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
      const idle = open(path, "");
      await Promise.all([part.closed, body.closed, idle.closed]);
      assertEquals([part, body, idle].map(({ got }) => got().slice(9, 12)), ["408", "408", ""]);
    } finally {
      await server.stop();
    }
  });

  test("too many connections, and more than is answered, are ended", async () => {
    using directory = tempDir();
    const path = directory.file("s");
    const { seen, server } = await serveStreams(path, SERVES);
    try {
      const ahead = open(path, get("/quiet"));
      await until(() => ahead.got() !== "", "the stream has begun");
      ahead.socket.write("A".repeat(200_000));
      await ahead.closed;
      const many = Array.from({ length: 270 }, () => open(path, get("/quiet")));
      await until(() => many.every(({ got }) => got() !== ""), "all are answered");
      const refused = many.filter(({ got }) => got().startsWith("HTTP/1.1 503 "));
      assertEquals(refused.length, 14);
      assertMatch(refused[0]?.got() ?? "", /"code":"TOO_MANY_CONNECTIONS"/);
      await server.stop();
      await Promise.all(many.map(({ closed }) => closed));
      const told = many.filter(({ got }) => got().endsWith('{"end":"stopping"}\n\r\n0\r\n\r\n'));
      assertEquals([told.length, seen.aborted], [256, 257]);
    } finally {
      await server.stop();
    }
  });
});
