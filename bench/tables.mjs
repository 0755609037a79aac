/** The comparisons: each runs, prints its table and returns it with what the bars need. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { floorSteps } from "./floor.mjs";
import { withExecCommands } from "./exec.mjs";
import { runMany } from "./many.mjs";
import { runStop } from "./stop.mjs";
import { runUnpack } from "./unpack.mjs";
import { PROBE_ARGV, showInside } from "./inside.mjs";
import { capture } from "./machine.mjs";
import { peerCommands } from "./peers.mjs";
import { alignColumns, summarise } from "./report.mjs";
import { describeRootfs, ETC_DEFAULT, etcOfPlan } from "./rootfs.mjs";
import { containervCommand, figureMs, medianMs, timeCommands } from "./timed.mjs";

const BAR_CRUN = 1.0;
const BAR_RUNC = 0.5;
const BAR_PLAN_MS = 60;
const BAR_RSS_MB = 60;
const BAR_FLOOR = 2;
const BAR_LIBRARY_MS = 2;

const bin = (root, name) => join(root, "node_modules", ".bin", name);

/**
 * containerv's own plan of the spec, from the executable or from the source under Bun: the peers bind what it binds,
 * the floor does what it does. Undefined while there is neither.
 */
function readPlan({ programs, root, here, work }) {
  const source = join(root, "mod.ts");
  const program = programs.containerv
    ? [programs.containerv]
    : existsSync(source)
    ? [bin(root, "bun"), source]
    : undefined;
  if (!program) return undefined;
  const env = { ...process.env, XDG_CACHE_HOME: join(work, "cache-plan") };
  return JSON.parse(capture([...program, "plan", "--json", join(here, "true.yaml")], { env }));
}

function runCompare(context, commands) {
  const tables = [];
  const bars = [];
  for (const idleMs of context.options.idles) {
    const title = "start to exit of an isolated /bin/true, limits on, seccomp off";
    const table = timeCommands(context, { title, commands, idleMs });
    tables.push(table);
    const ours = medianMs(table, "containerv");
    for (const [peer, bar] of [["crun", BAR_CRUN], ["runc", BAR_RUNC]]) {
      const value = ours / medianMs(table, peer);
      bars.push({ what: `run, median, idle ${idleMs} ms`, value, bar, unit: `× ${peer}` });
    }
    const row = table.rows.find(({ name }) => name === "containerv");
    if (row) {
      const value = row.maxRssKiB * 1024 / 1e6;
      bars.push({ what: `run, peak RSS, idle ${idleMs} ms`, value, bar: BAR_RSS_MB, unit: "MB" });
    }
  }
  return { tables, bars };
}

function runFirst(context, peers) {
  const spec = join(context.here, "true.yaml");
  const commands = [
    containervCommand(context, { name: "containerv cold", argv: ["run", spec], cold: true }),
    containervCommand(context, { name: "containerv", argv: ["run", spec] }),
    ...peers.filter(({ name }) => name !== "bwrap"),
  ];
  const title = "the first run of a spec (its cache emptied before each sample)";
  const tables = context.options.idles.map((idleMs) =>
    timeCommands(context, { title, commands, idleMs })
  );
  return { tables, bars: [] };
}

function runExec(context, rootfs) {
  const bars = [];
  const { lean } = context.options;
  const tables = withExecCommands(
    { ...context, rootfs, lean },
    (commands) =>
      context.options.idles.map((idleMs) => {
        const title = "exec of /bin/true in a container that runs";
        const table = timeCommands(context, { title, commands, idleMs });
        for (const what of ["median", "min"]) {
          const value = figureMs(table, "containerv", what) / figureMs(table, "crun", what);
          bars.push({
            what: `exec, ${what}, idle ${idleMs} ms`,
            value,
            bar: BAR_CRUN,
            unit: "× crun",
          });
        }
        return table;
      }),
  );
  return { tables, bars };
}

function runPlan(context) {
  const spec = join(context.here, "true.yaml");
  const commands = [
    containervCommand(context, { name: "version", argv: ["version"] }),
    containervCommand(context, { name: "plan", argv: ["plan", spec] }),
    containervCommand(context, { name: "plan cold", argv: ["plan", spec], cold: true }),
    containervCommand(context, { name: "validate cold", argv: ["validate", spec], cold: true }),
  ];
  const tables = context.options.idles.map((idleMs) =>
    timeCommands(context, { title: "whole process", commands, idleMs })
  );
  const bars = tables.flatMap((table) =>
    ["plan", "plan cold"].map((name) => ({
      what: `${name}, median, idle ${table.idleMs} ms`,
      value: medianMs(table, name),
      bar: BAR_PLAN_MS,
      unit: "ms",
    }))
  );
  return { tables, bars };
}

/** The programs of the library table: the floor first and last, so that a drift of the machine shows. */
function libraryPrograms({ root, here, helpers }, plan) {
  const steps = join(here, "results", "floor.steps");
  writeFileSync(steps, floorSteps(plan));
  const floor = [helpers.floor, steps];
  const script = join(here, "library.ts");
  return [
    { name: "floor (C)", argv: floor },
    { name: "library, Bun", argv: [bin(root, "bun"), script] },
    { name: "library, Deno", argv: [bin(root, "deno"), "run", "-A", "--no-check", script] },
    { name: "floor (C), again", argv: floor },
  ];
}

function runLibrary(context, plan) {
  const rows = libraryPrograms(context, plan).map(({ name, argv }) => {
    const counts = [context.options.samples, context.options.warmup + 5].map(String);
    const output = JSON.parse(capture([...argv, ...counts], { cwd: context.root }));
    const samples = output.samples_ns;
    return { name, ...summarise(samples), peakRssKiB: output.peak_rss_kib ?? null, samples };
  });
  const floor = Math.min(
    ...rows.filter(({ name }) => name.startsWith("floor")).map((row) => row.median),
  );
  const ms = (ns) => (ns / 1e6).toFixed(2);
  const title = "per container, back to back in one process (ms)";
  const head = ["", "median", "p90", "p99", "min", "n", "× floor"];
  const body = rows.map((row) => [
    row.name,
    ...[row.median, row.p90, row.p99, row.min].map(ms),
    String(row.n),
    (row.median / floor).toFixed(2),
  ]);
  console.log(`\n${title}\n${alignColumns([head, ...body])}`);
  const bars = rows.filter(({ name }) => name.startsWith("library")).flatMap((row) => [
    { what: `${row.name}, median`, value: row.median / floor, bar: BAR_FLOOR, unit: "× floor" },
    { what: `${row.name}, median`, value: row.median / 1e6, bar: BAR_LIBRARY_MS, unit: "ms" },
  ]);
  return { tables: [{ title, rows }], bars };
}

/**
 * Runs what the options ask for.
 * @param context {{root, here, work, helpers, programs, options}}: paths and choices from run.mjs
 * @returns {{tables: object[], bars: object[]}}
 * @throws {Error} when any measured command failed
 */
export function runTables(context) {
  const { options, programs, here, work, root } = context;
  const plan = readPlan(context);
  const rootfs = describeRootfs(plan ? etcOfPlan(plan) : ETC_DEFAULT);
  const from = plan ? "containerv's plan" : "the list in bench/rootfs.mjs";
  console.log(
    `rootfs: ${rootfs.binds.length} binds, ${rootfs.links.length} symlinks; /etc from ${from}`,
  );
  const peers = peerCommands(programs, {
    directory: join(work, "peers"),
    rootfs,
    argv: ["/bin/true"],
    lean: options.lean,
  });
  for (const { name, note } of peers) if (note) console.log(`${name}: ${note}`);
  const spec = join(here, "true.yaml");
  const own = (argv) =>
    programs.containerv ? [containervCommand(context, { name: "containerv", argv })] : [];
  const parts = [];
  if (!programs.containerv && options.only.includes("containerv")) {
    console.log("note: dist/containerv is not there: the peers alone");
  }
  const commands = [...own(["run", spec]), ...peers];
  if (options.compare && commands.length > 0) {
    const probes = peerCommands(programs, {
      directory: join(work, "probes"),
      rootfs,
      argv: PROBE_ARGV,
      lean: options.lean,
    });
    const inside = showInside([...own(["run", spec, "--", ...PROBE_ARGV]), ...probes]);
    parts.push({ tables: [inside], bars: [] }, runCompare(context, commands));
  }
  if (options.first && programs.containerv) parts.push(runFirst(context, peers));
  if (options.exec) parts.push(runExec(context, rootfs));
  if (options.up > 0 && programs.containerv) parts.push(runMany(context));
  if (options.stop > 0 && programs.containerv) parts.push(runStop(context));
  if (options.unpack && programs.containerv) parts.push(runUnpack(context));
  if (options.plan && programs.containerv) parts.push(runPlan(context));
  if (options.library && existsSync(join(root, "mod.ts"))) parts.push(runLibrary(context, plan));
  else if (options.library) console.log("note: mod.ts is not there: no library and no floor");
  return {
    tables: parts.flatMap((part) => part.tables),
    bars: parts.flatMap((part) => part.bars),
  };
}
