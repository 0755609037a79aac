/**
 * `npm run test:vm`: the tests that depend on the kernel, in virtual machines with Debian's 6.1 and 6.12 kernels and nothing but
 * cgroup v2. Emulated (no KVM is needed), so a minute here is some five seconds there: only the files that matter run.
 *
 *   --kernel 6.1,6.12    only these        --file PATH,PATH    other files
 *   --all                every file that looks at a machine, a few to a virtual machine: hours
 *   --runtime bun,deno   what runs the files of --file and --all; default: bun
 *   --uml 6.1|DIR        in user-mode Linux, some ten times as fast: Debian's of Linux 6.1, or what tools/build-uml.sh made
 *   --patience N         a file and its commands may take N times as long; default: 3
 *
 * Needs root, and the programs of tools/run-in-vm.sh, which `.ci/run` installs.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bootstrap, ROOT } from "./bootstrap.mjs";
import { buildMissing } from "./lib/build_missing.mjs";
import { bundleForEmulated, executableForTests } from "./lib/cli_bundle.mjs";
import { runCommand, showMs } from "./lib/process.mjs";
import { mayRunUnder, SUITES, testFiles } from "./lib/suites.mjs";

/** Kernel → the Debian package it comes from. */
const KERNELS = {
  "6.1": "linux-image-cloud-amd64",
  "6.12": "linux-image-6.12-cloud-amd64",
};

/**
 * What meets the kernel: mounts, ids, groups, calls. Words, messages and documents are the same on every machine. One runtime does:
 * it is the kernel that is new; Deno shows that it runs there at all.
 */
const RUNS = [
  ["bun", "tests/integration/run/volumes_test.ts"],
  ["bun", "tests/integration/run/images_test.ts"],
  ["bun", "tests/integration/run/secrets_test.ts"],
  ["bun", "tests/integration/run/rootfs_test.ts"],
  ["bun", "tests/integration/run/mapped_layers_test.ts"],
  ["bun", "tests/integration/run/limits_test.ts"],
  ["deno", "tests/integration/run/library_test.ts"],
  ["bun", "tests/integration/ffi/run_test.ts"],
  ["bun", "tests/integration/cli/delegated_test.ts"],
  ["bun", "tests/integration/package/launcher_test.ts"],
  ["bun", "tests/security/kernel_files_test.ts"],
  ["bun", "tests/security/volumes_test.ts"],
];

/** Debian's package of user-mode Linux is of this kernel. */
const UML_PACKAGED = "6.1";

/** What `--all` leaves out. */
const NOT_THERE = {
  "tests/integration/package/pack_test.ts": "what npm packs and installs is the same everywhere",
  "tests/integration/tools/adding_test.ts": "the sources' own checks are the same everywhere",
  "tests/integration/doctor/library_page_test.ts": "a page's types are the same everywhere",
  "tests/security/hidden_host_test.ts":
    "it walks all of /usr several times, over virtiofs for more than an hour",
};

/** And in user-mode Linux. */
const NOT_IN_UML = {
  "tests/integration/stage/processor_test.ts":
    "user-mode Linux maps a page of its own, with code, into every process",
};

/** A hang guard: five minutes are usual for the lane, eight beside other work. */
const TIMEOUT_SECONDS = 1200;

/** More files than that in one machine, and one that hangs costs too much. */
const FILES_PER_MACHINE = 7;

/** Code that V8 compiles is translated once more there: without it a start takes a third of the time. (WebAssembly stays.) */
const V8_FLAGS = "--no-opt,--no-maglev,--no-sparkplug,--max-lazy,--single-threaded";

/** What counts something does so less often there: a start takes a hundred times as long. */
const FEWER = "CONTAINERV_RACES=5 CONTAINERV_STARTS=6 CONTAINERV_RUNS=60 CONTAINERV_FLIPS=10 " +
  "CONTAINERV_LAYER_RUNS=3 CONTAINERV_KILL_POINTS=3 CONTAINERV_TEST_FILES=3 " +
  "CONTAINERV_CONCURRENT_UPS=2 CONTAINERV_CONFORMANCE_SPECS=defaults,default-policy,user-with-capability," +
  "all-limits,memory-of-v2,overlay,mapped-layer,rlimits-and-sysctls,capability-sets,together";

const PER_FILE = SUITES.filter(({ perFile }) => perFile).map(({ name }) => name).join(",");

/** What `--rows` says of a file at its end. */
const ROW = /^› (\S+) (\S+): (\d+) passed, (\d+) failed, (\d+) skipped · (.*)$/gm;

function parseOptions() {
  const { values } = parseArgs({
    options: {
      kernel: { type: "string", default: Object.keys(KERNELS).join(",") },
      file: { type: "string" },
      all: { type: "boolean", default: false },
      runtime: { type: "string", default: "bun" },
      uml: { type: "string" },
      patience: { type: "string", default: "3" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const runs = chosenRuns(values);
  const patience = Number(values.patience);
  if (values.uml !== undefined) return { kernels: [values.uml], runs, patience, uml: true };
  const kernels = values.kernel.split(",");
  const unknown = kernels.find((name) => KERNELS[name] === undefined);
  if (unknown !== undefined) {
    throw new Error(`unknown kernel ${unknown}; there are ${Object.keys(KERNELS).join(", ")}`);
  }
  return { kernels, runs, patience, uml: false };
}

function chosenRuns({ all, file, runtime, uml }) {
  if (!all && file === undefined) return RUNS;
  const files = all ? everyFile(uml !== undefined) : file.split(",");
  return runtime.split(",").flatMap((name) =>
    files.filter((path) => mayRunUnder(path, name)).map((path) => [name, path])
  );
}

function everyFile(uml) {
  const leftOut = { ...NOT_THERE, ...(uml ? NOT_IN_UML : {}) };
  for (const [file, why] of Object.entries(leftOut)) console.log(`  left out: ${file}: ${why}`);
  return PER_FILE.split(",").flatMap(testFiles).filter((file) => leftOut[file] === undefined);
}

/**
 * One machine for all files, for booting costs some seconds; two files at a time, as it has two processors; each that fails is run
 * once more, alone: what it said first is printed.
 */
function script({ runs, cli, executable, patience, uml }) {
  // On the machine's disk: what lies in memory can't be id-mapped before Linux 6.3, nor on an overlay at all.
  const scratch = `export TMPDIR=/scratch/tmp CONTAINERV_TEST_MINUTES=60 ${FEWER} ` +
    `CONTAINERV_TEST_CLI=${cli} CONTAINERV_TEST_EXECUTABLE=${executable} ` +
    // User-mode Linux runs the processor's own code.
    `${uml ? "" : `CONTAINERV_TEST_V8_FLAGS=${V8_FLAGS}`}; ` +
    "mkdir $TMPDIR; chmod 1777 $TMPDIR; mkdir -pm 700 /scratch/data /var/lib/containerv; " +
    "mount --bind /scratch/data /var/lib/containerv; ";
  const runtimes = [...new Set(runs.map(([runtime]) => runtime))];
  return scratch +
    runtimes.map((name) => {
      const files = runs.filter(([runtime]) => runtime === name).map(([, file]) => file).join(",");
      return `node tools/run_tests.mjs --suite ${PER_FILE} --runtime ${name} --file ${files} ` +
        `--no-world --patience ${patience} --again --rows`;
    }).join("; ");
}

/**
 * Runs the files: their own words, then how many passed and failed. A machine that ended early (the emulator, or the guest's kernel
 * hung) is told, and another one runs what is left; that one must do.
 */
async function runKernel(kernel, { runs, ...options }) {
  const begin = Date.now();
  console.log(`› Linux ${kernel}`);
  const rows = await runMachine(kernel, { runs, ...options });
  const left = runs.filter((run) => !rows.has(run.join(" ")));
  if (left.length > 0) {
    console.log(
      `! Linux ${kernel}: another machine runs ${left.map(([, file]) => file).join(", ")}`,
    );
    for (const [key, row] of await runMachine(kernel, { runs: left, ...options })) {
      rows.set(key, row);
    }
  }
  console.log(`  Linux ${kernel}: ${showMs(Date.now() - begin)}`);
  return runs.map((run) => ({ kernel, run, ...rows.get(run.join(" ")) }));
}

/** What each file that ran to its end said, by its runtime and name. */
async function runMachine(kernel, { runs, patience, uml, ...programs }) {
  const words = script({ runs, patience, uml, ...programs });
  const argv = ["tools/run-in-vm.sh", ".", "/bin/sh", "-c", words];
  const seconds = TIMEOUT_SECONDS * Math.ceil(patience / 3);
  const env = {
    ...process.env,
    ...machineOf(kernel, uml),
    VM_MEM: "3072",
    VM_TIMEOUT: String(seconds),
  };
  const result = await runCommand(argv, {
    cwd: ROOT,
    env,
    timeoutMs: (seconds + 60) * 1000,
    onOutput: (chunk) => process.stdout.write(chunk),
  });
  const rows = new Map();
  for (const [, runtime, file, passed, failed, skipped, rest] of result.output.matchAll(ROW)) {
    const counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
    rows.set(`${runtime} ${file}`, { ...counts, rest });
  }
  // Ended by whoever started this: no other machine is to begin.
  if (result.code === 130 || result.code === 143) process.exit(result.code);
  if (result.signal !== null && !result.timedOut) process.exit(143);
  if (rows.size < runs.length) {
    console.log(`✘ Linux ${kernel}: the machine ended early, with ${result.code}`);
  }
  return rows;
}

/** What run-in-vm.sh takes for it. */
function machineOf(kernel, uml) {
  if (!uml) return { VM_KERNEL_PKG: KERNELS[kernel] };
  return { VM_UML: "1", ...(kernel === UML_PACKAGED ? {} : { VM_KERNEL: kernel }) };
}

/** A line for each file, with the reasons of what was skipped; a file that never came to its end counts as failed. */
function printTable(rows) {
  console.log("");
  for (const { kernel, run, passed, failed, skipped, rest } of rows) {
    const said = passed === undefined
      ? "not run to its end"
      : `${passed} passed, ${failed} failed, ${skipped} skipped · ${rest}`;
    console.log(`${failed === 0 ? "✔" : "✘"} ${kernel.padEnd(4)} ${run.join(" ")}: ${said}`);
  }
}

/** The kernels are Debian's packages; `undefined` where its package lists can be had. */
function whyNot() {
  const name = /^ID=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  return name === "debian"
    ? undefined
    : `the kernels come from Debian's package lists, and this is ${name}`;
}

/** The comment at the top of this file. */
function help() {
  const [, text = ""] =
    /^\/\*\*\n(.*?)\n \*\/$/ms.exec(readFileSync(new URL(import.meta.url), "utf8")) ??
      [];
  return text.replaceAll(/^ \* ?/gm, "");
}

async function main() {
  const options = parseOptions();
  if (options === undefined) {
    console.log(help());
    return;
  }
  bootstrap();
  const { kernels, runs, patience, uml } = options;
  const why = whyNot();
  if (why !== undefined) {
    console.log(`  skipped: ${why}\n0 passed, 0 failed`);
    return;
  }
  if (!uml && spawnSync("qemu-system-x86_64", ["--version"]).error !== undefined) {
    throw new Error("needs qemu-system-x86_64: see the list in .ci/run");
  }
  const rows = [];
  await buildMissing();
  // Made here once: an emulated machine takes most of a minute for it, and would for each file. The executable starts there in half
  // the time of the bundle.
  const bundled = join(ROOT, `node_modules/.cache/containerv/cli-${process.pid}`);
  try {
    const cli = await bundleForEmulated(bundled);
    const executable = await executableForTests(bundled);
    for (const kernel of kernels) {
      for (const part of batches(runs)) {
        rows.push(...await runKernel(kernel, { runs: part, cli, executable, patience, uml }));
      }
    }
  } finally {
    rmSync(bundled, { recursive: true, force: true });
  }
  printTable(rows);
  const passed = rows.reduce((total, row) => total + (row.passed ?? 0), 0);
  const failed = rows.reduce((total, row) => total + (row.failed ?? 1), 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

/** The lane is one: booting costs some seconds, and it is known to end. */
function batches(runs) {
  if (runs === RUNS) return [runs];
  const count = Math.ceil(runs.length / FILES_PER_MACHINE);
  return Array.from(
    { length: count },
    (_, index) => runs.slice(index * FILES_PER_MACHINE, (index + 1) * FILES_PER_MACHINE),
  );
}

await main();
