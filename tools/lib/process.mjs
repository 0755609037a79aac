/** Running child processes with a time limit, and a few at a time. */
import { spawn } from "node:child_process";

/**
 * Runs a command to its end. `{code, signal, timedOut, output, ms}`; `output` is stdout and stderr as they came.
 * The command leads its own process group, which is killed as a whole when `timeoutMs` is over.
 */
export function runCommand(argv, options = {}) {
  const { cwd, env = process.env, timeoutMs = 600_000, inherit = false, onOutput } = options;
  const begin = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), {
      cwd,
      env,
      detached: true,
      stdio: ["ignore", inherit ? "inherit" : "pipe", inherit ? "inherit" : "pipe"],
    });
    const chunks = [];
    const keep = (chunk) => {
      chunks.push(chunk);
      onOutput?.(chunk);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    let timedOut = false;
    let closing;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
      closing = setTimeout(letGo, PIPES_MS, child);
    }, timeoutMs);
    const forward = (signal) => killGroup(child.pid, signal);
    process.once("SIGINT", forward).once("SIGTERM", forward);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      clearTimeout(closing);
      process.off("SIGINT", forward).off("SIGTERM", forward);
      const output = Buffer.concat(chunks).toString("utf8");
      resolve({ code, signal, timedOut, output, ms: Date.now() - begin });
    });
  });
}

/** A process that left the group may hold the pipes for ever, and with them the end of all tests. */
const PIPES_MS = 3000;

function letGo(child) {
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function killGroup(pid, signal = "SIGKILL") {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Runs `work` over `items`, at most `width` at the same time; results in the order of the items. */
export async function mapLimited(items, options) {
  const { width, work } = options;
  const results = new Array(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}

/** `1.2s`, `340ms`. */
export function showMs(ms) {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(1)}s`;
}
