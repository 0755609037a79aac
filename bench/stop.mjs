/**
 * `npm run bench -- --stop N`: when SIGKILL comes to a container whose first process is deaf to its stop signal, N stops one after the other.
 * Both times are those of the records: of the event that is noted right before the signal, and of the end as the keeper saw it.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STATE = "/run/containerv";
const GRACE_MS = 500;
const NAME = "bench-stop";

function must(argv) {
  const { status, error, stdout } = spawnSync(argv[0], argv.slice(1), {
    // What is deaf is said on standard error, each time.
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  if (error || status !== 0) throw error ?? new Error(`${argv.join(" ")}: exit ${status}`);
  return stdout;
}

/** Time of the last `stopping` of the project of this file. */
function lastStopping(file) {
  for (const key of readdirSync(STATE)) {
    try {
      const { file: its } = JSON.parse(readFileSync(join(STATE, key, "project.json"), "utf8"));
      if (its !== file) continue;
    } catch {
      // a lock's file, or a project that is being made
      continue;
    }
    const events = readFileSync(join(STATE, key, "events"), "utf8").trim().split("\n");
    const stopping = events.map((line) => JSON.parse(line)).filter((one) =>
      one.type === "stopping"
    );
    return stopping.at(-1).at;
  }
  throw new Error(`no project of ${file}`);
}

/** @returns {{tables: object[], bars: object[]}} */
export function runStop({ programs, work, options }) {
  const cv = programs.containerv;
  const file = join(work, "stop.yaml");
  writeFileSync(
    file,
    `name: ${NAME}\ncontainers:\n  deaf:\n    commands: [[sleep, infinity]]\n    stop: {grace: ${GRACE_MS}ms}\n`,
  );
  const late = [];
  try {
    must([cv, "up", "-d", file]);
    for (let index = 0; index < options.stop; index++) {
      if (index > 0) must([cv, "start", "--file", file, "deaf"]);
      must([cv, "stop", "--file", file, "deaf"]);
      const [{ ending }] = JSON.parse(must([cv, "ps", "--json", file]));
      if (ending.status !== 137) throw new Error(`it ended with ${ending.status}, not by SIGKILL`);
      late.push(ending.at - lastStopping(file) - GRACE_MS);
    }
  } finally {
    must([cv, "down", "--time", "0", file]);
  }
  late.sort((a, b) => a - b);
  const [least] = late;
  const most = late.at(-1);
  const median = late[Math.floor(late.length / 2)];
  console.log(`
${late.length} stops of a deaf process, SIGKILL after ${GRACE_MS} ms
signal to end, beyond that: median ${median} ms, ${least} to ${most} ms`);
  return {
    tables: [{ title: "stop", graceMs: GRACE_MS, late }],
    bars: [{
      what: "SIGKILL at the stop's timeout, furthest from it",
      value: Math.max(Math.abs(least), Math.abs(most)),
      bar: 200,
      unit: "ms",
    }],
  };
}
