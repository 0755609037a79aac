/**
 * How a server's memory and descriptors go over many requests: `node bench/serve.mjs COUNT [PROGRAM…]` (20000; dist/containerv). A tenth of
 * the requests follow events or logs and are left in the middle. Prints a line per twentieth. Needs root.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const [countText = "20000", ...words] = process.argv.slice(2);
const COUNT = Number(countText);
const PROGRAM = words.length > 0 ? words : [join(ROOT, "dist", "containerv")];
const LANES = 4;
const PROJECT = "bench-serve";

const work = mkdtempSync(join(tmpdir(), "containerv-bench-"));
const socketPath = join(work, "socket");
const file = join(work, "serve.yaml");
writeFileSync(
  file,
  `name: ${PROJECT}
containers:
  talker: {policy: none, commands: ["for i in $(seq 50); do echo line $i; done; exec sleep infinity"]}
  quiet: {policy: none, commands: [[sleep, infinity]]}
`,
);
const agent = new Agent({ keepAlive: true, maxSockets: LANES });

/** One request; of a stream that is followed only the first bytes. */
function ask(path, { leave = false } = {}) {
  return new Promise((resolve, reject) => {
    const options = { socketPath, path, ...(leave ? { agent: false } : { agent }) };
    const asked = request(options, (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`${path}: ${response.statusCode}`));
      }
      if (leave) {
        response.once("data", () => response.destroy());
        response.once("close", () => resolve());
        return;
      }
      response.resume();
      response.once("end", () => resolve());
    });
    asked.once("error", reject);
    asked.end();
  });
}

const KINDS = [
  () => ask(`/v1/containers?project=${PROJECT}`),
  () => ask(`/v1/containers/talker?project=${PROJECT}`),
  () => ask(`/v1/containers/talker/logs?project=${PROJECT}&tail=5`),
  () => ask(`/v1/events?project=${PROJECT}`),
  () => ask("/v1/projects"),
  () => ask(`/v1/containers/quiet/top?project=${PROJECT}`),
  () => ask("/v1/version"),
  () => ask(`/v1/containers/talker/inspect?project=${PROJECT}`),
  () => ask(`/v1/logs?project=${PROJECT}`),
];
const LEFT = [
  () => ask(`/v1/events?project=${PROJECT}&follow`, { leave: true }),
  () => ask(`/v1/containers/talker/logs?project=${PROJECT}&follow`, { leave: true }),
];

const statusOf = (pid) => readFileSync(`/proc/${pid}/status`, "utf8");
const kib = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);

async function untilItListens(server) {
  for (let tries = 0; tries < 1000; tries++) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    try {
      return await ask("/v1/version");
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error("the server does not listen");
}

async function load(pid) {
  let done = 0;
  const lane = async () => {
    while (done < COUNT) {
      const number = done++;
      const kinds = number % 10 === 9 ? LEFT : KINDS;
      await kinds[Math.floor(number / 10) % kinds.length]();
      if (done % Math.ceil(COUNT / 20) === 0) show(pid, done);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function show(pid, done) {
  const text = statusOf(pid);
  const fds = readdirSync(`/proc/${pid}/fd`).length;
  console.log(
    `${String(done).padStart(7)}  RSS ${(kib(text, "VmRSS") / 1024).toFixed(1)} MiB  anonymous ${
      (kib(text, "RssAnon") / 1024).toFixed(1)
    } MiB  threads ${kib(text, "Threads")}  descriptors ${fds}`,
  );
}

const up = spawnSync(PROGRAM[0], [...PROGRAM.slice(1), "up", "-d", file], { stdio: "inherit" });
const server = spawn(PROGRAM[0], [...PROGRAM.slice(1), "serve", "--socket", socketPath], {
  stdio: ["ignore", "ignore", "inherit"],
});
try {
  if (up.status !== 0) throw new Error(`up: exit ${up.status}`);
  await untilItListens(server);
  show(server.pid, 0);
  const begun = performance.now();
  await load(server.pid);
  console.log(`${COUNT} requests in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
} finally {
  agent.destroy();
  server.kill("SIGTERM");
  spawnSync(PROGRAM[0], [...PROGRAM.slice(1), "down", "--time", "0", file], { stdio: "inherit" });
  rmSync(work, { recursive: true, force: true });
}
