import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadObject, loadSpec } from "../../../spec/load.ts";
import { chosenSeed, type Random, random } from "../../support/random.ts";
import { showDiagnostics } from "../../../runtime/show/diagnostics.ts";

const SEEDS = [
  `commands: ["echo hello from $(hostname), I am pid $$"]\nlimits: {memory: 64MiB, pids: 16}\n`,
  `name: a\nrootfs:\n  layers: [{host: system}, {dir: ./a, at: /b}]\n  writable: {tmpfs: 1GiB}\ncommands:\n  - [make, -j2]\n  - |\n    test -s x\n    echo done\n  - {name: b, exec: [c], timeout: 1m30s}\nuser: "1000:1000"\n`,
  `x-base: &base {A: b}\ncontainers:\n  web:\n    environment: *base\n    commands: [[a]]\n    policy: {preset: none, capabilities: [CHOWN]}\n    stop: {signal: SIGINT, grace: 5s}\n`,
];

/** Enough to see a regression in a second; CONTAINERV_FUZZ_ROUNDS=100000 for a search. */
const ROUNDS = Number(process.env["CONTAINERV_FUZZ_ROUNDS"] ?? 600);

/** Pieces that mean something to YAML or to us. */
const PIECES = [
  "\n",
  "  ",
  "\t",
  ":",
  ": ",
  "- ",
  "? ",
  "{",
  "}",
  "[",
  "]",
  ",",
  "&a ",
  "*a",
  "!!str ",
  "!x ",
  "|",
  ">-",
  "'",
  '"',
  "#",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "<<",
  "~",
  "0644",
  "1e400",
  "-0",
  "__proto__",
  "\0",
  "\ufeff",
  "\u{1f600}",
  "\ud800",
  "image",
  "limits",
  "memory",
  "commands",
  "x-",
  "${{ A }}",
  "\r",
  "\x1b[2J",
  "\u2028",
];

function mutate(text: string, chance: Random): string {
  let out = text;
  const times = 1 + chance.below(4);
  for (let time = 0; time < times; time++) {
    const at = chance.below(out.length + 1);
    const length = chance.below(8);
    const kind = chance.below(4);
    if (kind === 0) out = out.slice(0, at) + out.slice(at + length);
    else if (kind === 1) out = out.slice(0, at) + chance.pick(PIECES) + out.slice(at);
    else if (kind === 2) out = out.slice(0, at) + chance.pick(PIECES) + out.slice(at + length);
    else out = out.slice(0, at) + out.slice(at, at + length * 4) + out.slice(at);
  }
  return out;
}

function checkResult(result: ReturnType<typeof loadSpec>, about: string): void {
  const { desired, diagnostics } = result;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  assertEquals(desired === undefined, errors.length > 0, about);
  showDiagnostics(diagnostics, { color: true });
  assertEquals(JSON.stringify(JSON.parse(JSON.stringify(result))), JSON.stringify(result), about);
}

test("loadSpec() never throws, and is good exactly when nothing is wrong", () => {
  const seed = chosenSeed(20_261_124);
  const chance = random(seed);
  let good = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = mutate(chance.pick(SEEDS), chance);
    const about = `seed ${seed}, round ${round}: ${JSON.stringify(text)}`;
    try {
      const result = loadSpec({ text, file: "f.yaml", directory: "/p" });
      checkResult(result, about);
      if (result.desired !== undefined) good++;
    } catch (error) {
      throw new Error(about, { cause: error });
    }
  }
  assert(good > ROUNDS / 60, `only ${good} of ${ROUNDS} were good: the mutations show little`);
});

test("loadSpec() takes any bytes", () => {
  const chance = random(chosenSeed(7));
  for (let round = 0; round < 500; round++) {
    const bytes = chance.bytes(chance.below(200));
    const result = loadSpec({ text: bytes, file: "f.yaml", directory: "/p" });
    assertEquals(result.desired, undefined, `${bytes}`);
  }
});

test("loadObject() never throws", () => {
  const chance = random(chosenSeed(11));
  const words = [
    "commands",
    "limits",
    "memory",
    "pids",
    "rootfs",
    "layers",
    "host",
    "user",
    "x-a",
    "containers",
    "exec",
  ];
  const make = (depth: number): unknown => {
    const kind = chance.below(depth > 4 ? 6 : 9);
    if (kind === 0) return chance.word();
    if (kind === 1) return -1.5;
    if (kind === 2) return chance.pick(["a", "64MiB", "system", "none", "\0", "", "1000:1000"]);
    if (kind === 3) return chance.chance(0.5);
    if (kind === 4) return chance.pick([null, undefined, NaN, 1n, () => 1, new Date(0)]);
    if (kind === 5 || kind === 6) {
      return Array.from({ length: chance.below(3) }, () => make(depth + 1));
    }
    return Object.fromEntries(
      Array.from({ length: chance.below(5) }, () => [chance.pick(words), make(depth + 1)]),
    );
  };
  for (let round = 0; round < 1_000; round++) {
    checkResult(loadObject(make(0), { name: "f", directory: "/p" }), `round ${round}`);
  }
});
