/**
 * `npm run test:vm`: the tests that depend on the kernel, in virtual machines with Debian's 6.1 and 6.12 kernels and nothing but
 * cgroup v2. Emulated (no KVM is needed), so a minute here is some five seconds there: only the files that matter run.
 *
 *   --kernel 6.1,6.12   only these        --file PATH,PATH   other files, under Bun
 *
 * Needs root, and the programs of tools/run-in-vm.sh, which `.ci/run` installs.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bootstrap, ROOT } from "./bootstrap.mjs";
import { bundleForTests } from "./lib/cli_bundle.mjs";
import { runCommand, showMs } from "./lib/process.mjs";

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
  ["bun", "tests/security/kernel_files_test.ts"],
  ["bun", "tests/security/volumes_test.ts"],
];

/** A hang guard: five minutes are usual, eight beside other work. */
const TIMEOUT_SECONDS = 1200;

function parseOptions() {
  const { values } = parseArgs({
    options: {
      kernel: { type: "string", default: Object.keys(KERNELS).join(",") },
      file: { type: "string" },
    },
  });
  const kernels = values.kernel.split(",");
  const unknown = kernels.find((name) => KERNELS[name] === undefined);
  if (unknown !== undefined) {
    throw new Error(`unknown kernel ${unknown}; there are ${Object.keys(KERNELS).join(", ")}`);
  }
  const runs = values.file === undefined
    ? RUNS
    : values.file.split(",").map((file) => ["bun", file]);
  return { kernels, runs };
}

/**
 * One machine for all files, for booting costs some seconds; each file by itself, so that what ran is told when one hangs, and once
 * more when it fails: what it said first is printed.
 */
function script({ runs, cli }) {
  // On the machine's disk: what lies in memory can't be id-mapped before Linux 6.3, nor on an overlay at all.
  const scratch =
    `export TMPDIR=/scratch/tmp CONTAINERV_RACES=5 CONTAINERV_TEST_CLI=${cli}; mkdir $TMPDIR; ` +
    "chmod 1777 $TMPDIR; mkdir -pm 700 /scratch/data /var/lib/containerv; " +
    "mount --bind /scratch/data /var/lib/containerv; ";
  return scratch +
    runs.map(([runtime, file]) =>
      `node tools/run_tests.mjs --suite integration,security --runtime ${runtime} --file ${file} ` +
      "--no-world --patience 3 --again"
    ).join("; ");
}

/**
 * Runs the files: their own words, then how many passed and failed. A machine that ended early (the emulator, or the guest's kernel
 * hung) is told, and another one runs what is left; that one must do.
 */
async function runKernel(kernel, { runs, cli }) {
  const begin = Date.now();
  console.log(`› Linux ${kernel}`);
  let counts = await runMachine(kernel, { runs, cli });
  if (counts.length < runs.length) {
    const left = runs.slice(counts.length);
    console.log(
      `! Linux ${kernel}: another machine runs ${left.map(([, file]) => file).join(", ")}`,
    );
    counts = [...counts, ...await runMachine(kernel, { runs: left, cli })];
  }
  const broken = counts.length < runs.length ? 1 : 0;
  const sum = (index) => counts.reduce((total, match) => total + Number(match[index]), 0);
  console.log(`  Linux ${kernel}: ${showMs(Date.now() - begin)}`);
  return { passed: sum(1), failed: sum(2) + broken };
}

/** The lines of how many passed and failed, one for each file that ran to its end. */
async function runMachine(kernel, { runs, cli }) {
  const argv = ["tools/run-in-vm.sh", ".", "/bin/sh", "-c", script({ runs, cli })];
  const env = {
    ...process.env,
    VM_KERNEL_PKG: KERNELS[kernel],
    VM_MEM: "3072",
    VM_TIMEOUT: String(TIMEOUT_SECONDS),
  };
  const result = await runCommand(argv, {
    cwd: ROOT,
    env,
    timeoutMs: (TIMEOUT_SECONDS + 60) * 1000,
    onOutput: (chunk) => process.stdout.write(chunk),
  });
  const counts = [...result.output.matchAll(/^(\d+) passed, (\d+) failed$/gm)];
  if (counts.length < runs.length) {
    console.log(`✘ Linux ${kernel}: the machine ended early, with ${result.code}`);
  }
  return counts;
}

/** The kernels are Debian's packages; `undefined` where its package lists can be had. */
function whyNot() {
  const name = /^ID=(.*)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  return name === "debian"
    ? undefined
    : `the kernels come from Debian's package lists, and this is ${name}`;
}

async function main() {
  bootstrap();
  const { kernels, runs } = parseOptions();
  const why = whyNot();
  if (why !== undefined) {
    console.log(`  skipped: ${why}\n0 passed, 0 failed`);
    return;
  }
  if (spawnSync("qemu-system-x86_64", ["--version"]).error !== undefined) {
    throw new Error("needs qemu-system-x86_64: see the list in .ci/run");
  }
  const total = { passed: 0, failed: 0 };
  // Made here once: an emulated machine takes most of a minute for it, and would for each file.
  const bundled = join(ROOT, `node_modules/.cache/containerv/cli-${process.pid}`);
  try {
    const cli = await bundleForTests(bundled);
    for (const kernel of kernels) {
      const { passed, failed } = await runKernel(kernel, { runs, cli });
      total.passed += passed;
      total.failed += failed;
    }
  } finally {
    rmSync(bundled, { recursive: true, force: true });
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

await main();
