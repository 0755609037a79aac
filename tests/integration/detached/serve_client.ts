/** Talks to `containerv serve` as a client does, byte by byte where that matters. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { cliCommand } from "../../support/cli.ts";
import { tempDir } from "../../support/temp.ts";
import { untilAsync } from "./project.ts";

export interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

/** One request with node:http; `seen` is called with what has come so far, and ends the connection by `true`. */
export function ask(
  socket: string,
  line: string,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly seen?: (text: string) => boolean;
  } = {},
): Promise<Reply> {
  const [method = "", path = ""] = line.split(" ");
  return new Promise((resolve, reject) => {
    const headers = { ...options.headers };
    const sent = request({ socketPath: socket, method, path, headers, agent: false }, (answer) => {
      let text = "";
      const reply = (): Reply => ({
        status: answer.statusCode ?? 0,
        type: answer.headers["content-type"],
        text,
      });
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
        if (options.seen?.(text) !== true) return;
        resolve(reply());
        // Under Deno the request alone keeps its connection.
        answer.destroy();
        sent.socket?.destroy();
        sent.destroy();
      });
      answer.on("end", () => resolve(reply()));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(options.body);
  });
}

/** All that comes back on these bytes. */
export function sendRaw(socket: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect(socket);
    let got = "";
    client.on("data", (bytes) => got += bytes.toString("latin1"));
    client.on("error", (error: NodeJS.ErrnoException) => {
      // The server has closed before it read all.
      if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(got);
      else reject(error);
    });
    client.on("close", () => resolve(got));
    client.write(text, "latin1");
  });
}

export interface Served {
  readonly socket: string;
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Starts `containerv serve`; through when its socket is there, or it has ended. */
export async function startServe(
  options: {
    readonly socket?: string;
    readonly prefix?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Served> {
  const directory = tempDir();
  const socket = options.socket ?? directory.file("serve.sock");
  const own = [...cliCommand(), "serve", "--socket", socket];
  const [program = "", ...words] = [...options.prefix ?? [], ...own];
  const child = spawn(program, words, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...globalThis.process.env, ...options.env },
  });
  let said = "";
  child.stderr.on("data", (part) => said += String(part));
  const ended = new Promise<number | null>((resolve) =>
    child.once("close", (code) => resolve(code))
  );
  let over = false;
  void ended.then(() => over = true);
  await untilAsync(
    () => Promise.resolve(over || (existsSync(socket) && said.includes("serving"))),
    "it serves",
  );
  return {
    socket,
    child,
    said: () => said,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
      directory[Symbol.dispose]();
    },
  };
}
