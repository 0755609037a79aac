// timeout-seconds: 900
// runs-under: bun, deno
/**
 * B1 to B7: a place of the rootfs is exchanged with a symbolic link to the host, again and again, while containers are started on
 * it. CONTAINERV_RACES=2000 is the full count of starts for each racer; the default is small.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { O_CLOEXEC, O_WRONLY } from "../../ffi/abi/fcntl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { exitGroup } from "../../ffi/calls/process.ts";
import { encode } from "../../ffi/stage/encode.ts";
import { run } from "../../mod.ts";
import type { ContainerSpec } from "../../spec/model/spec_type.ts";
import { guardWorld } from "../integration/cli/sandbox.ts";
import { missing, processor, root, tool } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

guardWorld();
const STARTS = Number(process.env["CONTAINERV_RACES"] ?? 12);

/** A program for a rootfs without any: 7 when the host's sysctls can be written or the victim can be reached, else 0. */
function program(victim: string): Uint8Array {
  const tries = ["/proc/sys/kernel/core_pattern", `${victim}/file`, "/proc/sysrq-trigger"];
  return encode({
    instructions: [
      ...tries.flatMap((pathname, index) => [
        {
          kind: "syscall",
          call: openat({ pathname, flags: O_WRONLY | O_CLOEXEC }),
          step: 0,
          onError: `next ${index}`,
        } as const,
        { kind: "jump", to: "reached" } as const,
        { kind: "label", name: `next ${index}` } as const,
      ]),
      { kind: "syscall", call: exitGroup({ status: 0 }), step: 0, onError: "continue" },
      { kind: "label", name: "reached" },
      { kind: "syscall", call: exitGroup({ status: 7 }), step: 0, onError: "continue" },
    ],
  }, "x86_64").image;
}

/** renameat2(RENAME_EXCHANGE) of two names until it is killed; says so when it has begun. */
const RACER = `
my ($one, $two) = @ARGV; $| = 1; my $first = 1;
while (1) { syscall(316, -100, $one, -100, $two, 2) == 0 or die "renameat2: $!"; if ($first) { print "on\\n"; $first = 0; } }`;

async function startRacer(one: string, two: string): Promise<ChildProcess> {
  const racer = spawn("perl", ["-e", RACER, one, two], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve, reject) => {
    racer.stdout?.once("data", () => resolve());
    racer.once("exit", (code) => reject(new Error(`the racer ended with ${code}`)));
  });
  return racer;
}

/** What it exchanges must stand still before it is removed. */
async function endRacer(racer: ChildProcess): Promise<void> {
  racer.removeAllListeners("exit");
  if (racer.exitCode !== null || racer.signalCode !== null) return;
  const ended = new Promise((resolve) => racer.once("exit", resolve));
  racer.kill("SIGKILL");
  await ended;
}

/** Everything of a tree that an intruder could change. */
function fingerprint(path: string): string {
  return [path, ...readdirSync(path, { recursive: true }).map((name) => join(path, `${name}`))]
    .map((one) => {
      const { mode, uid, gid, size, mtimeNs, ctimeNs } = statSync(one, { bigint: true });
      return `${one} ${mode} ${uid} ${gid} ${size} ${mtimeNs} ${ctimeNs}`;
    }).join("\n");
}

interface Race {
  /** The place that is exchanged, in the rootfs. */
  readonly place: string;
  /** Where the link leads. */
  readonly to: (victim: string) => string;
  readonly spec?: (layer: string) => Partial<ContainerSpec>;
}

const up = (victim: string): string => `../../../../../../../..${victim}`;
const RACES: Readonly<Record<string, Race>> = {
  "B1: /dev, where the masks' null device and the others are made": { place: "dev", to: (v) => v },
  "B2: /dev by .., where the terminals are mounted": { place: "dev", to: up },
  "B3: /proc, that sysctls and masks are set through": { place: "proc", to: (v) => `${v}/proc` },
  "B4: the place of a layer with at:": {
    place: "vol/dir",
    to: (v) => v,
    spec: (layer) => ({
      rootfs: { layers: [{ dir: layer }, { dir: `${layer}/data`, at: "/vol/dir/x" }] },
    }),
  },
  "B5: /sys": { place: "sys", to: (v) => v },
  "B6: a parent that leads to the old root": {
    place: "vol",
    to: () => "/oldroot",
    spec: (layer) => ({
      rootfs: { layers: [{ dir: layer }, { dir: `${layer}/data`, at: "/vol/a/b" }] },
    }),
  },
  "B7: a parent of a directory that is made": {
    place: "vol",
    to: (v) => v,
    spec: (layer) => ({ rootfs: { layers: [{ dir: layer }] }, workdir: "/vol/made/here" }),
  },
};

function makeTrees(race: Race): { victim: TempDir; layer: TempDir; other: string } {
  const victim = tempDir("containerv-victim-");
  const layer = tempDir("containerv-raced-");
  for (const one of [victim, layer]) chmodSync(one.path, 0o755);
  for (const name of ["file", "null", "pts/ptmx", "proc/self", "x/y", "a/b/c", "shm/z"]) {
    victim.write(name, "untouched");
  }
  for (const name of ["dev", "proc", "sys", "vol/dir/x", "vol/a/b", "data", "bin"]) {
    mkdirSync(layer.file(name), { recursive: true });
  }
  writeFileSync(layer.file("bin/probe"), program(victim.path), { mode: 0o755 });
  const other = `${layer.file(race.place)}.other`;
  mkdirSync(dirname(other), { recursive: true });
  symlinkSync(race.to(victim.path), other);
  return { victim, layer, other };
}

describe(
  `races, ${STARTS} starts each`,
  { skip: missing(root(), tool("perl"), processor("x64")) },
  () => {
    for (const [name, race] of Object.entries(RACES)) {
      test(name, async () => {
        const { victim, layer, other } = makeTrees(race);
        using _victim = victim;
        using _layer = layer;
        const before = fingerprint(victim.path);
        const mounts = readFileSync("/proc/self/mountinfo", "utf8");
        const racer = await startRacer(layer.file(race.place), other);
        const codes = new Map<number, number>();
        try {
          for (let start = 0; start < STARTS; start++) {
            const rootfs = start % 2 === 0
              ? { path: layer.path }
              : { layers: [{ dir: layer.path }] };
            const code = await statusOf({
              policy: "none",
              rootfs,
              ...race.spec?.(layer.path),
              commands: [["/bin/probe"]],
            });
            codes.set(code, (codes.get(code) ?? 0) + 1);
            assert(code !== 7, "the host was reached");
          }
        } finally {
          await endRacer(racer);
        }
        const counts = [...codes].map(([code, count]) => `${code}: ${count}`).join(", ");
        assertEquals(racer.signalCode, "SIGKILL", "the racer ended before");
        // Both ways must have been met, or nothing was raced.
        if (STARTS >= 1000) assertGreater(codes.get(0) ?? 0, STARTS / 20, counts);
        assertEquals(fingerprint(victim.path), before, counts);
        assertEquals(readFileSync("/proc/self/mountinfo", "utf8"), mounts);
      });
    }
  },
);

/** Exit status; 125 when it could not be started. */
async function statusOf(spec: ContainerSpec): Promise<number> {
  try {
    return (await run(spec)).code ?? -1;
  } catch (error) {
    assert(error instanceof Error && "code" in error, `${error}`);
    return 125;
  }
}
