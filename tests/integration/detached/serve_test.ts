// runs-under: bun, deno
/** `containerv serve`: a project over its socket, who is answered, and what becomes of it when it is stopped or killed. */
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { PATIENCE, REPOSITORY, runCli } from "../../support/cli.ts";
import { findTool, missing, root, tool } from "../../support/require.ts";
import { guardWorld, IDLE_LOOP, lives } from "../cli/sandbox.ts";
import { projectKey } from "../../../runtime/state/places.ts";
import { tempDir } from "../../support/temp.ts";
import { keeperOf, untilAsync } from "./project.ts";
import { ask, type Reply, sendRaw, type Served, startServe } from "./serve_client.ts";

guardWorld();
const skip = missing(root());

const linesOf = ({ text }: Reply): readonly Record<string, unknown>[] =>
  text.trim().split("\n").map((line) => JSON.parse(line));
// deno-lint-ignore no-explicit-any
const json = (reply: Reply): any => JSON.parse(reply.text);
const code = (reply: Reply): readonly [number, unknown] => [
  reply.status,
  (json(reply)["error"] as { readonly code: string }).code,
];

const SHELL = `echo hello; echo careful >&2; trap 'echo bye; exit 7' TERM; ${IDLE_LOOP}`;

/** A name that no other test's project has. */
const NAME = `served-${process.pid}`;

const POST = { headers: { "content-type": "application/json" } } as const;

/** A service manager in small: a socket to be told at, one to be passed as descriptor 3 (of TCP, or at a path), and the program. */
const MANAGER = `use Socket; $^F = 9; $| = 1; my ($told, $path) = splice @ARGV, 0, 2;
  socket(my $listen, $path eq "tcp" ? AF_INET : AF_UNIX, SOCK_STREAM, 0) or die;
  die "not 3" unless fileno($listen) == 3;
  bind($listen, $path eq "tcp" ? sockaddr_in(0, INADDR_LOOPBACK) : sockaddr_un($path)) or die "bind: $!";
  listen($listen, 9) or die;
  socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
  (my $n = $told) =~ s/^@/\\0/; bind($s, pack("S a*", AF_UNIX, $n)) or die "bind: $!";
  my $pid = fork; if (!$pid) { close $s; $ENV{NOTIFY_SOCKET} = $told; $ENV{LISTEN_FDS} = 1; $ENV{LISTEN_PID} = $$; exec @ARGV }
  close $listen; print STDERR "pid $pid\\n";
  sub hear { while (defined recv($s, my $m, 100, $_[0])) { print STDERR "$m\\n" } }
  $SIG{CHLD} = sub { waitpid $pid, 0; my $code = $? >> 8; hear(MSG_DONTWAIT); exit $code };
  hear(0) while 1;`;

type Call = (line: string, body?: object) => Promise<Reply>;

const caller = (socket: string): Call => (line, body) =>
  ask(socket, line, body === undefined ? {} : { ...POST, body: JSON.stringify(body) });

const OF = `project=${NAME}`;
const BOX = "/v1/containers/box";

/** As the command line sees it. */
async function listed(call: Call, key: string): Promise<void> {
  const list = await call(`GET /v1/containers?${OF}`);
  const all = JSON.parse((await runCli(["ps", "--all", "--json"])).stdout) as {
    readonly id: string;
  }[];
  assertEquals(json(list), all.filter(({ id }) => id === `${key}/box`));
  assertEquals(json(await call(`GET /v1/containers/${key}%2Fbox`)), json(list)[0]);
  const stats = await call(`GET /v1/stats?${OF}`);
  assertEquals(json(stats).map(({ name }: { readonly name: string }) => name), ["box"]);
  const inspected = json(await call(`GET ${BOX}/inspect?${OF}`));
  assertEquals(inspected[0].name, `${key}/box`);
}

async function followed(socket: string): Promise<void> {
  const logs = await ask(socket, `GET ${BOX}/logs?${OF}&follow`, {
    seen: (text) => text.includes("careful"),
  });
  assertEquals([logs.status, logs.type], [200, "application/x-ndjson"]);
  assertEquals(linesOf(logs).map(({ stream, text }) => [stream, text]), [
    ["stdout", "hello"],
    ["stderr", "careful"],
  ]);
}

async function executed(call: Call, socket: string): Promise<void> {
  const said = await call(`POST ${BOX}/exec?${OF}`, {
    command: ["sh", "-c", "cat; printf '\\377'; echo $A >&2; exit 3"],
    stdin: "in",
    environment: { A: "b" },
  });
  assertEquals(json(said), {
    code: 3,
    reason: "exited",
    stdout: "in\ufffd",
    stdoutBase64: "aW7/",
    stderr: "b\n",
  });
  const frames = await call(`POST ${BOX}/exec?${OF}`, { command: ["echo", "x"], stream: true });
  assertEquals(linesOf(frames), [
    { stream: "stdout", text: "x\n" },
    { exit: { code: 0, reason: "exited" } },
    { end: "done" },
  ]);
  // Who goes away ends the command.
  await ask(socket, `POST ${BOX}/exec?${OF}`, {
    ...POST,
    body: JSON.stringify({ command: ["sh", "-c", "echo x; exec sleep 98765"], stream: true }),
    seen: (text) => text.includes("x"),
  });
  const runs = async (): Promise<boolean> =>
    (await call(`GET ${BOX}/top?${OF}`)).text.includes("98765");
  for (const begin = performance.now(); await runs();) {
    assert(performance.now() - begin < 10_000 * PATIENCE, "the command runs on");
  }
  assertEquals(code(await call(`POST ${BOX}/exec?${OF}`, { command: ["/none"] })), [
    422,
    "COMMAND_NOT_FOUND",
  ]);
}

async function copied(call: Call, socket: string): Promise<void> {
  const run = async (script: string) =>
    json(await call(`POST ${BOX}/exec?${OF}`, { command: ["sh", "-c", script] })).stdout;
  await run("mkdir /tmp/a; echo given > /tmp/a/f; chmod 640 /tmp/a/f; chown 7:8 /tmp/a/f");
  const archive = await call(`GET ${BOX}/archive?${OF}&path=/tmp/a`);
  assertEquals([archive.status, archive.type], [200, "application/x-tar"]);
  const put = (path: string, body: string) =>
    ask(socket, `PUT ${BOX}/archive?${OF}&path=${path}`, { body });
  const told = json(await put("/tmp/b", archive.text));
  assertEquals([told.files, told.directories, told.bytes, told.skipped], [1, 1, 6, []]);
  assertEquals(await run("stat -c '%u:%g %a' /tmp/b/a/f; cat /tmp/b/a/f"), "7:8 640\ngiven\n");
  assertEquals(code(await put("/tmp/c", archive.text.slice(0, 700))), [422, "ARCHIVE_DAMAGED"]);
  assertEquals(code(await put("tmp", archive.text)), [400, "BAD_REQUEST"]);
  assertEquals(code(await call(`GET ${BOX}/archive?${OF}&path=/none`)), [422, "COPY_FAILED"]);
  assertEquals(await run("ls -d /tmp/c 2>/dev/null"), "");
}

async function changed(call: Call): Promise<void> {
  const update = (limits: object) => call(`POST ${BOX}/update?${OF}`, limits);
  const { differences } = json(await update({ pids: "40" }));
  assertEquals(differences.map(({ key }: { readonly key: string }) => key), ["limits.pids"]);
  assertEquals(json(await call(`GET ${BOX}?${OF}`)).limits, ["pids 40"]);
  assertEquals(code(await update({ pids: "many" })), [400, "BAD_REQUEST"]);
  assertEquals(code(await update({})), [400, "BAD_REQUEST"]);
}

/** As the command does: what the last run did not leave is a failure of the start that loses it. */
async function missed(call: Call): Promise<void> {
  const name = `${NAME}-out`;
  const outputs = [{ from: "/none", to: `/tmp/${name}`, when: "always" }];
  await call("POST /v1/up", {
    name,
    containers: { out: { policy: "none", outputs, commands: [["sleep", "1000"]] } },
  });
  try {
    const one = `/v1/containers/out`;
    await call(`POST ${one}/kill?project=${name}`);
    const state = async () => json(await call(`GET ${one}?project=${name}`)).state;
    await untilAsync(async () => await state() === "exited", "it has ended");
    assertEquals(code(await call(`POST ${one}/start?project=${name}`))[1], "OUTPUT_MISSING");
  } finally {
    await call(`POST /v1/projects/${name}/down?time=0`);
  }
}

/** As `logs` does: who reads what a container writes has it kept again, where its keeper was killed. */
async function keptAgain(call: Call, socket: string): Promise<void> {
  const name = `${NAME}-talks`;
  const says = ["sh", "-c", "n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done"];
  const up = json(
    await call("POST /v1/up", { name, containers: { one: { policy: "none", commands: [says] } } }),
  );
  const path = `/v1/containers/one/logs?project=${name}`;
  try {
    const keeper = keeperOf(`${up.project.key}/one`);
    const before = linesOf(await call(`GET ${path}`)).length;
    process.kill(keeper, "SIGKILL");
    await untilAsync(() => Promise.resolve(!lives(keeper)), "it is gone");
    let lines = 0;
    const more = (): boolean => lines > before + 20;
    const following = ask(socket, `GET ${path}&follow`, {
      seen: (text) => {
        lines = text.split("\n").length - 1;
        return more();
      },
    });
    await untilAsync(() => Promise.resolve(more()), "what was written since is given");
    const numbers = (await following).text.trim().split("\n")
      .map((line) => Number(JSON.parse(line).text));
    assertEquals(numbers, numbers.map((_, index) => index + 1), "output was lost");
  } finally {
    await call(`POST /v1/projects/${name}/down?time=0`);
  }
}

async function ended(call: Call): Promise<void> {
  assertEquals(json(await call(`POST ${BOX}/pause?${OF}`)).state, "paused");
  assertEquals(code(await call(`POST ${BOX}/pause?${OF}`)), [409, "PAUSED"]);
  assertEquals(json(await call(`POST ${BOX}/resume?${OF}`)).state, "running");
  const waiting = call(`GET ${BOX}/wait?${OF}`);
  const stopped = json(await call(`POST ${BOX}/stop?${OF}&time=5`));
  assertEquals([stopped.state, stopped.ending.status], ["exited", 7]);
  assertEquals(json(await waiting), stopped);
  assertEquals(code(await call(`POST ${BOX}/kill?${OF}`)), [409, "NOT_RUNNING"]);
  assertEquals(json(await call(`POST ${BOX}/start?${OF}`)).state, "running");
  assertEquals(code(await call(`DELETE ${BOX}?${OF}`)), [409, "RUNNING"]);
  assertEquals((await call(`POST ${BOX}/kill?${OF}&signal=KILL`)).status, 200);
  await call(`GET ${BOX}/wait?${OF}`);
  const gone = json(await call(`POST /v1/projects/${NAME}/down?time=0`));
  assertEquals([gone.removed, gone.failures], [["box"], []]);
}

describe("serve", { skip }, () => {
  test("a project over the socket, from up to down; SIGKILL of the server leaves what runs, SIGTERM says that it ends", async () => {
    const spec = {
      name: NAME,
      containers: { box: { policy: "none", commands: [SHELL], limits: { pids: 50 } } },
    };
    await using first = await startServe();
    const { socket } = first;
    const call = caller(socket);
    try {
      const up = json(await call("POST /v1/up", spec));
      assertEquals([up.done[0].action, up.done[0].started, up.failures], ["start", true, []]);
      await listed(call, up.project.key);
      await followed(socket);
      await executed(call, socket);
      await copied(call, socket);
      await changed(call);
      await missed(call);
      await keptAgain(call, socket);
      // Another server takes the socket of one that was killed, and nobody has missed it.
      const { pid } = json(await call(`GET ${BOX}?${OF}`));
      first.child.kill("SIGKILL");
      await first.ended;
      await using second = await startServe({ socket });
      assertEquals(json(await call(`GET ${BOX}?${OF}`)).pid, pid);
      // A third finds it.
      await using third = await startServe({ socket });
      assertEquals(await third.ended, 125);
      assertMatch(third.said(), /^error SOCKET_TAKEN: cannot take .*: a server listens there$/m);
      let heard = "";
      const events = ask(socket, `GET /v1/events?${OF}&follow`, {
        headers: { accept: "text/event-stream" },
        seen: (text) => {
          heard = text;
          return false;
        },
      });
      await ended(call);
      await untilAsync(() => Promise.resolve(heard.includes('"removed"')), "it was removed");
      // Under Deno child.kill() makes up an end by the signal.
      process.kill(second.child.pid ?? 0, "SIGTERM");
      const told = (await events).text.trim().split("\n\n");
      assertEquals(told.at(-1), 'event: end\ndata: {"end":"stopping"}');
      const types = told.slice(0, -1).map((line) => JSON.parse(line.replace(/^data: /, "")).type);
      for (const type of ["started", "stopping", "exited", "removed"]) assert(types.includes(type));
      assertEquals(await second.ended, 0);
      assertEquals(statSync(socket, { throwIfNoEntry: false }), undefined);
    } finally {
      await runCli(["rm", "--force", `${projectKey(NAME, "/-")}/box`]);
    }
  });

  test(
    "a socket of the service manager is taken, READY and STOPPING are said; one of TCP is refused",
    {
      skip: missing(root(), tool("perl")),
    },
    async () => {
      using directory = tempDir();
      const socket = directory.file("s");
      const words = ["perl", "-e", MANAGER, `@serve-test-${process.pid}`];
      await using served = await startServe({ socket, prefix: [...words, socket] });
      await untilAsync(() => Promise.resolve(served.said().includes("READY=1")), "it is ready");
      assertMatch((await ask(socket, "GET /v1/version")).text, /"version"/);
      const [, pid] = /^pid (\d+)$/m.exec(served.said()) ?? [];
      process.kill(Number(pid), "SIGTERM");
      assertEquals(await served.ended, 0);
      assertMatch(served.said(), /READY=1[^]*STOPPING=1/);
      // It is the manager's.
      assert(statSync(socket).isSocket());
      await using other = await startServe({
        socket: directory.file("t"),
        prefix: [...words, "tcp"],
      });
      assertEquals(await other.ended, 125);
      assertMatch(
        other.said(),
        /error SOCKET_UNUSABLE: .* it is no unix stream socket that listens/,
      );
    },
  );
});

describe("serve, without a container of its own", { skip }, () => {
  let served: Served;
  before(async () => {
    served = await startServe({ prefix: ["/bin/sh", "-c", 'umask 0; exec "$@"', "-"] });
  });
  after(async () => await served[Symbol.asyncDispose]());

  test("its socket is its user's alone, and the kernel says who that is; what is wrong is said", async () => {
    const { socket } = served;
    const { mode } = statSync(socket);
    assertEquals((mode & 0o7777).toString(8), "600");

    const spec = async (body: string, query = ""): Promise<Reply> =>
      await ask(socket, `POST /v1/up${query}`, { headers: { "content-type": "text/yaml" }, body });
    const wrong = await spec('name: x\nimage: y\nvolumes: ["./a:/a"]\n');
    assertEquals(code(wrong), [422, "SPEC_INVALID"]);
    const { diagnostics } = json(wrong)["error"] as { readonly diagnostics: { code: string }[] };
    assertEquals(diagnostics.map((one) => one.code), ["UNKNOWN_KEY", "BAD_PATH"]);
    const relative = await spec('name: x\nvolumes: ["./a:/a"]\ncommands: [["true"]]\n');
    assertStringIncludes(relative.text, "is relative, and nobody says to which directory");
    assertEquals(code(await spec("commands: [[x]]\n")), [400, "BAD_REQUEST"]);
    assertEquals(code(await spec("name: x\n", "?base=/none/at/all")), [400, "BAD_REQUEST"]);
    assertEquals(code(await ask(socket, "GET /v1/containers/none")), [404, "NO_SUCH_CONTAINER"]);
    const validated = await ask(socket, "POST /v1/validate", { body: "image: x\n" });
    assertEquals([validated.status, json(validated).length], [422, 1]);

    const hostile = await Promise.all([
      "GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\n\r\n",
      "GET /v1/version HTTP/1.1\nHost: x\n\n",
      "POST /v1/up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      `GET /${"a".repeat(70_000)} HTTP/1.1\r\n`,
      "\x16\x03\x01\x02\x00\x01\x00",
    ].map((text) => sendRaw(socket, `${text}${text.includes("Origin") ? "GARBAGE\n" : ""}`)));
    assertEquals(hostile.map((text) => Number(text.slice(9, 12))), [403, 400, 400, 431, 400]);
    // Two requests of one piece have two answers; the second ends the connection.
    const twice = await sendRaw(
      socket,
      "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assertEquals(twice.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
  });

  test("another user is refused, though the socket is everybody's", {
    skip: missing(root(), tool("setpriv"), tool("curl")),
  }, () => {
    chmodSync(served.socket.slice(0, served.socket.lastIndexOf("/")), 0o755);
    chmodSync(served.socket, 0o777);
    const curl = (...prefix: readonly string[]): string => {
      const [program = "", ...words] = [
        ...prefix,
        findTool("curl") ?? "",
        "-sS",
        "--unix-socket",
        served.socket,
        "http://localhost/v1/version",
      ];
      return spawnSync(program, words, { encoding: "utf8" }).stdout;
    };
    assertMatch(curl(), /"version"/);
    const setpriv = findTool("setpriv") ?? "";
    const other = curl(setpriv, "--reuid=65534", "--regid=65534", "--clear-groups");
    assertMatch(other, /"PEER_REFUSED","message":"you may not: user 65534 is neither root nor/);
    // Root too, where it is root of a container.
    for (const options of [["--pid", "--fork"], ["--user", "--map-root-user"]]) {
      assertMatch(curl("unshare", ...options), /"PEER_REFUSED".*it is in a container/);
    }
  });

  test("the session of docs/serve.md is what it says", {
    skip: missing(root(), tool("curl")),
  }, () => {
    const page = readFileSync(`${REPOSITORY}/docs/serve.md`, "utf8");
    const [, session = ""] = /```console\n([\s\S]*?)```/.exec(page) ?? [];
    const script: string[] = ["shopt -s expand_aliases"];
    const wanted: string[] = [];
    let heredoc = false;
    for (const line of session.trimEnd().split("\n")) {
      if (line.startsWith("$ ")) script.push(line.slice(2));
      else if (heredoc) script.push(line);
      else wanted.push(line);
      heredoc = (heredoc || line.endsWith("<<END")) && line !== "END";
    }
    const result = spawnSync("bash", ["-c", script.join("\n")], {
      encoding: "utf8",
      env: { ...process.env, SOCKET: served.socket },
    });
    assertEquals(result.stderr, "");
    // Each line of the page is there, in its order; `…` stands for anything.
    let rest = result.stdout;
    for (const line of wanted) {
      const pattern = line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("…", "[^\\n]*?");
      const found = new RegExp(`^${pattern}$`, "m").exec(rest);
      assert(found !== null, `not there: ${line}\n${rest}`);
      rest = rest.slice(found.index + found[0].length);
    }
  });
});
