/**
 * `npm run bench -- --up N`: N containers of one spec by `up -d`, then `ps` and `down`; what each takes, and what stays resident. Each is
 * the built program's whole process; `up` and `down` by the clock of this one, `ps` by spawn_timer.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { containervCommand, medianMs, timeCommands } from "./timed.mjs";

const STATE = "/run/containerv";

/** @returns {{ms: number, cpuMs: number, stdout: string}} @throws {Error} when it failed */
function timed(argv) {
  const begun = performance.now();
  const { status, error, stdout } = spawnSync(argv[0], argv.slice(1), {
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const ms = performance.now() - begun;
  if (error || status !== 0) throw error ?? new Error(`${argv.join(" ")}: exit ${status}`);
  return { ms, cpuMs: childrenCpuMs(), stdout };
}

/** Node tells of itself alone: the children's share stands in /proc/self/stat (fields 16 and 17, ticks of 10 ms). */
let seenTicks = 0;
function childrenCpuMs() {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1].split(" ");
  const ticks = Number(fields[13]) + Number(fields[14]);
  const used = ticks - seenTicks;
  seenTicks = ticks;
  return used * 10;
}

const kib = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

/** Proportional set size of a process, in KiB. */
const pssOf = (pid) => kib(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"), "Pss");

/** Bytes of the project's files, which lie on a tmpfs. */
function bytesBelow(directory) {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    // A tmpfs takes whole pages.
    if (entry.isFile()) {
      const length = readFileSync(join(entry.parentPath, entry.name)).length;
      bytes += Math.ceil(length / 4096) * 4096;
    }
  }
  return bytes;
}

/** Memory that the container's group is charged with: its processes, and what the kernel keeps for them. */
function groupBytes(record) {
  for (const { kind, path } of record.made) {
    if (kind !== "cgroup.make") continue;
    for (const name of ["memory.current", "memory.usage_in_bytes"]) {
      try {
        return Number(readFileSync(`${path}/${name}`, "utf8"));
      } catch {
        // another hierarchy's
      }
    }
  }
  return NaN;
}

function projectOf(file) {
  for (const key of readdirSync(STATE)) {
    try {
      const record = JSON.parse(readFileSync(join(STATE, key, "project.json"), "utf8"));
      if (record.file === file) return { directory: join(STATE, key), record };
    } catch {
      // a lock's file, or a project that is being made
    }
  }
  throw new Error(`no project of ${file}`);
}

/** What stays while they run, in KiB; per container where it says so. */
function residents(file, names) {
  const { directory, record } = projectOf(file);
  const groups = names.map((name) =>
    groupBytes(JSON.parse(readFileSync(join(directory, "containers", name, "record.json"), "utf8")))
  );
  const average = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
  return {
    groupKiB: average(groups) / 1024,
    keeperPssKiB: pssOf(record.keeper.pid),
    stateKiB: bytesBelow(directory) / 1024 / names.length,
  };
}

/** @returns {{tables: object[], bars: object[]}} */
export function runMany(context) {
  const { programs, work, options } = context;
  const count = options.up;
  const file = join(work, "many.yaml");
  const names = Array.from({ length: count }, (_, index) => `c${String(index).padStart(4, "0")}`);
  const one = "{commands: [[sleep, infinity]], limits: {memory: 64MiB, pids: 16}}";
  const lines = names.map((name) => `  ${name}: ${one}\n`);
  writeFileSync(file, `name: bench-many\ncontainers:\n${lines.join("")}`);
  const cv = programs.containerv;
  let result;
  try {
    childrenCpuMs();
    const up = timed([cv, "up", "-d", file]);
    const running = JSON.parse(timed([cv, "ps", "--json", file]).stdout)
      .filter(({ state }) => state === "running").length;
    if (running !== count) throw new Error(`${running} of ${count} run`);
    const ps = timeCommands(context, {
      title: `${count} containers of one spec`,
      // Beside what any command of the program costs.
      commands: [["version"], ["ps", file]].map((argv) =>
        containervCommand(context, { name: argv[0], argv })
      ),
      idleMs: 0,
    });
    result = { up, ps, ...residents(file, names) };
  } finally {
    const down = timed([cv, "down", "--time", "0", file]);
    if (result) result.down = down;
  }
  return shown(result, count);
}

function shown({ up, ps, down, groupKiB, keeperPssKiB, stateKiB }, count) {
  const each = groupKiB + keeperPssKiB / count + stateKiB;
  console.log(`
up -d    ${(up.ms / 1000).toFixed(1)} s until all run; CPU of the runner ${
    (up.cpuMs / 1000).toFixed(1)
  } s
down     ${(down.ms / 1000).toFixed(1)} s
memory   ${each.toFixed(0)} KiB each: ${groupKiB.toFixed(0)} its group (processes and kernel), ${
    (keeperPssKiB / count).toFixed(1)
  } of the keeper (PSS ${keeperPssKiB} KiB), ${stateKiB.toFixed(0)} its files of state`);
  return {
    tables: [ps, { title: `${count} containers`, up, down, groupKiB, keeperPssKiB, stateKiB }],
    bars: [
      { what: `up of ${count}`, value: up.ms / 1000, bar: 10, unit: "s" },
      { what: `ps of ${count}, median`, value: medianMs(ps, "ps"), bar: 50, unit: "ms" },
      { what: `down of ${count}`, value: down.ms / 1000, bar: 10, unit: "s" },
      { what: "memory of each", value: each, bar: 300, unit: "KiB" },
    ],
  };
}
