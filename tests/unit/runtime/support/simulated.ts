/** A plan, lowered and encoded, run on the simulator on the machine that it was made for. */
import {
  createMachine,
  type Machine,
  runMachine,
  type Stop,
} from "../../../../ffi/stage/simulate.ts";
import { encode, type Encoded } from "../../../../ffi/stage/encode.ts";
import type { Architecture, Instruction } from "../../../../ffi/stage/language.ts";
import type { Answers, Host } from "../../../../runtime/plan/host.ts";
import { lowerPlan } from "../../../../runtime/plan/lower.ts";
import type { Plan } from "../../../../runtime/plan/plan.ts";
import { HOST_V2 } from "./hosts.ts";
import { createWorld, type KernelOptions, type Made, type SimulatedWorld } from "./kernel.ts";
import { planOf, type SpecObject } from "./wanted.ts";

export interface Scene {
  readonly plan: Plan;
  readonly host: Host;
  readonly encoded: Encoded;
}

export function sceneOf(
  spec: SpecObject = {},
  options: { host?: Host; announce?: boolean; answers?: Partial<Answers> } = {},
) {
  const { host = HOST_V2, announce = false, answers } = options;
  return prepareScene(planOf(spec, { host, answers: { ...answers, announce } }), host);
}

export function prepareScene(plan: Plan, host: Host, architecture: Architecture = "x86_64"): Scene {
  return { plan, host, encoded: encode(lowerPlan(plan), architecture) };
}

export interface Played extends SimulatedWorld {
  readonly stop: Stop;
}

/** What the kernel of `host` has before anything is run. */
export function kernelOf({ host, plan }: Scene): KernelOptions {
  const { v1, v2 } = host.cgroups;
  const mounts = [...Object.values(v1), ...(v2 === undefined ? [] : [v2.mount])];
  const held = new Map(
    plan.ops.flatMap((op) => op.kind === "cgroup.write" ? [[op.path, op.holds] as const] : []),
  );
  return {
    directories: [...mounts, "/var/lib", "/run"],
    ...(v2 === undefined ? {} : { enabled: { [v2.mount]: v2.enabled } }),
    rounds: (path, value) => held.get(path) ?? value,
  };
}

/** Decoding takes longer than most runs: done once per image. */
const decoded = new WeakMap<Encoded, Machine>();

function freshMachine(encoded: Encoded): Machine {
  const known = decoded.get(encoded) ?? createMachine(encoded.image);
  decoded.set(encoded, known);
  const pieces = known.memory.pieces.map((piece) => {
    const bytes = piece.bytes.slice();
    return { ...piece, bytes, view: new DataView(bytes.buffer) };
  });
  return { ...known, memory: { pieces } };
}

/** Runs it. What the options leave out is as on the machine that the plan was made for. */
export function play(scene: Scene, options: KernelOptions = {}): Played {
  const world = createWorld({ ...kernelOf(scene), ...options });
  const stop = runMachine(freshMachine(scene.encoded), { kernel: world.kernel });
  return { ...world, stop };
}

/** The instruction of a record. */
export function instructionOf({ encoded }: Scene, record: number): Instruction {
  const found = encoded.records[record];
  if (found === undefined) throw new Error(`there is no record ${record}`);
  return found;
}

/** `stage mkdirat /sys/fs/cgroup/containerv`: what was done, for comparing. */
export function showMade(made: readonly Made[]): readonly string[] {
  return made.map(({ side, name, path }) => `${side} ${name} ${path}`.trimEnd());
}

/** Directories of groups, and switches, that a run should leave as they were, as text. What is kept on disk is no rest. */
export function stateOf(world: Pick<SimulatedWorld, "directories" | "enabled">): string {
  const enabled = [...world.enabled].map(([path, names]) => `${path}: ${[...names].sort()}`);
  return [
    ...[...world.directories].filter((path) => path.startsWith("/sys/")).sort(),
    ...enabled.sort(),
  ].join("\n");
}
