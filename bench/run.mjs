/**
 * `npm run bench`: containerv beside its peers. docs/benchmarks.md says what is compared and how to read it.
 * Prints; never judges: its exit code says whether the runs worked, not how long they took.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import {
  capture,
  describeMachine,
  findProgram,
  freeUnifiedControllers,
  removeLeftGroups,
  versionsOf,
} from "./machine.mjs";
import { runTables } from "./tables.mjs";
import { showBars } from "./report.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(HERE);
const RESULTS = join(HERE, "results");
/** Set in the process that already is in its own mount namespace. */
const INSIDE = "CONTAINERV_BENCH_INSIDE";
const PEERS = ["crun", "runc", "bwrap"];

const HELP = `npm run bench -- [OPTIONS]        (needs root)
What is measured; without any of these, all:
  --compare       start to exit of an isolated /bin/true: containerv, crun, runc, bwrap
  --first         the same with containerv's spec cache emptied before each sample
  --exec          \`exec\` of /bin/true in a container that runs: containerv, crun, runc
  --up N          N containers of one spec (1000): all running, ps, down, memory; only when it is asked for
  --stop N        N stops of a process that is deaf to the signal: when SIGKILL comes (20); only when it is asked for
  --unpack TAR    a layer's archive unpacked, beside \`tar -xf\`; only when it is asked for
  --plan          whole process of \`containerv plan\`, hot and cold
  --library       the library back to back in one Bun and one Deno process, beside the floor in C
How:
  --samples N     per command and table (60)
  --warmup N      unmeasured rounds before (3)
  --idle LIST     milliseconds of sleep before each sample, a table per value (0,100)
  --only LIST     of containerv,crun,runc,bwrap
  --lean          crun and runc without /sys/fs/cgroup, of which they mount every hierarchy
  --quick         --samples 10 --idle 0 --warmup 1: to see that it works
  --rebuild       npm run build first, even if dist/containerv is there
  --help
`;

function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      compare: { type: "boolean" },
      first: { type: "boolean" },
      exec: { type: "boolean" },
      up: { type: "string" },
      stop: { type: "string" },
      unpack: { type: "string" },
      plan: { type: "boolean" },
      library: { type: "boolean" },
      samples: { type: "string" },
      warmup: { type: "string" },
      idle: { type: "string" },
      only: { type: "string" },
      lean: { type: "boolean" },
      quick: { type: "boolean" },
      rebuild: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const count = (text, { name, least }) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) {
      throw new Error(
        `--${name}: a whole number of at least ${least}, not ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
  const only = values.only?.split(",") ?? ["containerv", ...PEERS];
  for (const name of only) {
    if (!["containerv", ...PEERS].includes(name)) throw new Error(`--only: unknown runner ${name}`);
  }
  const all = !["compare", "first", "exec", "up", "stop", "unpack", "plan", "library"].some((
    name,
  ) => values[name] !== undefined);
  return {
    help: values.help ?? false,
    rebuild: values.rebuild ?? false,
    lean: values.lean ?? false,
    compare: all || (values.compare ?? false),
    first: all || (values.first ?? false),
    exec: all || (values.exec ?? false),
    up: values.up === undefined ? 0 : count(values.up, { name: "up", least: 1 }),
    stop: values.stop === undefined ? 0 : count(values.stop, { name: "stop", least: 1 }),
    unpack: values.unpack === undefined ? undefined : resolve(values.unpack),
    plan: all || (values.plan ?? false),
    library: all || (values.library ?? false),
    samples: count(values.samples ?? (values.quick ? "10" : "60"), { name: "samples", least: 1 }),
    warmup: count(values.warmup ?? (values.quick ? "1" : "3"), { name: "warmup", least: 0 }),
    idles: (values.idle ?? (values.quick ? "0" : "0,100")).split(",").map((ms) =>
      count(ms, { name: "idle", least: 0 })
    ),
    only,
  };
}

/** Installs what is missing and builds dist/containerv. */
function prepare({ rebuild }) {
  const bootstrap = join(ROOT, "tools", "bootstrap.mjs");
  if (existsSync(bootstrap)) {
    const done = spawnSync(process.execPath, [bootstrap], { cwd: ROOT, stdio: "inherit" });
    if (done.status !== 0) throw new Error(`${bootstrap} failed`);
  }
  if (!rebuild && existsSync(join(ROOT, "dist", "containerv"))) return;
  const built = spawnSync("npm", ["run", "build"], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (built.status !== 0) {
    console.error("bench: `npm run build` failed; what follows is without containerv");
  }
}

/**
 * Runs this script again in a private mount namespace: what is mounted for the peers is never seen by the machine, and ends
 * with the process. @returns the exit code
 */
function enterPrivateNamespace() {
  const unshare = findProgram("unshare");
  if (!unshare) throw new Error("unshare (util-linux) is not installed");
  const argv = ["--mount", "--propagation", "private", process.execPath, ...process.argv.slice(1)];
  const done = spawnSync(unshare, argv, {
    stdio: "inherit",
    env: { ...process.env, [INSIDE]: "1" },
  });
  if (done.error) throw done.error;
  return done.status ?? 1;
}

/** Compiles the two C programs into bench/results. @returns their paths */
function compileHelpers() {
  const compiler = findProgram("gcc") ?? findProgram("cc");
  if (!compiler) throw new Error("a C compiler (gcc or cc) is needed for bench/spawn_timer.c");
  mkdirSync(RESULTS, { recursive: true });
  const built = {};
  for (const name of ["spawn_timer", "floor"]) {
    built[name] = join(RESULTS, name);
    capture([compiler, "-O2", "-Wall", "-o", built[name], join(HERE, `${name}.c`)]);
  }
  return built;
}

function printHead({ machine, versions, notes }) {
  console.log(
    `${machine.kernel} · ${machine.cores} cores (${machine.processor}) · ${machine.memoryGiB} GiB · load ${machine.load}`,
  );
  console.log(`cgroups: ${machine.cgroups}`);
  for (const [name, version] of Object.entries(versions)) console.log(`${name}: ${version}`);
  for (const note of notes) console.log(`note: ${note}`);
}

function saveResults(result) {
  const stamp = result.date.replace(/[:.]/g, "-");
  const text = JSON.stringify(result, null, 1) + "\n";
  for (const name of [stamp, "latest"]) writeFileSync(join(RESULTS, `${name}.json`), text);
  return join("bench", "results", `${stamp}.json`);
}

function measure(options) {
  const helpers = compileHelpers();
  const work = mkdtempSync(join(tmpdir(), "containerv-bench-"));
  const notes = [];
  let undo = () => {};
  try {
    removeLeftGroups();
    const set = freeUnifiedControllers(join(work, "cgroups"));
    undo = set.undo;
    if (set.mounted.length > 0) {
      notes.push(
        "for crun, the controllers of the unified hierarchy are mounted as v1 in a private mount namespace",
      );
    }
    const programs = {};
    for (const name of PEERS) {
      const path = options.only.includes(name) ? findProgram(name) : undefined;
      if (path) programs[name] = path;
      else if (options.only.includes(name)) notes.push(`${name} is not installed: left out`);
    }
    const dist = join(ROOT, "dist", "containerv");
    if (options.only.includes("containerv") && existsSync(dist)) programs.containerv = dist;
    const versions = versionsOf(programs);
    const machine = describeMachine();
    printHead({ machine, versions, notes });
    const context = { root: ROOT, here: HERE, work, helpers, programs, options };
    const { tables, bars } = runTables(context);
    const shown = showBars(bars);
    if (shown !== "") console.log(`\nbars\n${shown}`);
    const date = new Date().toISOString();
    const path = saveResults({ date, machine, versions, notes, options, bars, tables });
    console.log(`\nall samples: ${path}`);
  } finally {
    undo();
    removeLeftGroups();
    rmSync(work, { recursive: true, force: true });
  }
}

function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  if (process.getuid?.() !== 0) {
    throw new Error(
      "needs root: limits, and the cgroups that the peers expect; try `sudo npm run bench`",
    );
  }
  if (!process.env[INSIDE]) {
    prepare(options);
    process.exitCode = enterPrivateNamespace();
    return;
  }
  // Ctrl-C ends the running child; this process must live on to give the controllers back.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  measure(options);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    main();
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  }
}
