/**
 * Random programs in the stage's language that always end: branches and jumps go forward, loops count down. Many small
 * ones run one after the other in one image, each writes its slots and its memory to standard output.
 */
import type { Word } from "../../../ffi/calls/call.ts";
import type { Instruction } from "../../../ffi/stage/language.ts";
import { random as makeRandom } from "../../support/random.ts";
import {
  add,
  branch,
  call,
  cell,
  exit,
  jump,
  label,
  report,
  result,
  set,
  text,
} from "./support.ts";

/** A number from 0 to below `below`. */
type Random = (below: number) => number;

const SLOTS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const MEMORY_SIZE = 64;
const WIDTHS = [1, 2, 4, 8] as const;
const INTERESTING: readonly (number | bigint)[] = [
  0,
  1,
  -1,
  127,
  128,
  255,
  256,
  0x7fff,
  0x8000,
  0x7fffffff,
  0x80000000,
  0xffffffff,
  -0x80000000,
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  0x8000000000000000n,
  0xfedcba9876543210n,
  -4095,
  -4096,
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
];

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random(items.length)] as T;
}

function anySlot(random: Random): Word {
  return result(pick(random, SLOTS));
}

function anyWord(random: Random): Word {
  if (random(2) === 0) return anySlot(random);
  return random(3) === 0 ? random(2 ** 32) - 2 ** 31 : pick(random, INTERESTING);
}

/** A place in the memory, partly by a result: the slot "at" is kept in 0…7 by its only writer. */
function anyPlace(random: Random, width: number) {
  const address = cell("memory", MEMORY_SIZE, random(MEMORY_SIZE - width - 6));
  const offset: Word = random(2) === 0 ? random(7) : result("at");
  return { address, offset };
}

function anyCall(random: Random, failed: string): Instruction[] {
  const into = pick(random, SLOTS);
  const onError = random(2) === 0 ? failed : "continue";
  const six = () => [1, 2, 3, 4, 5, 6].map(() => anyWord(random));
  switch (random(8)) {
    case 0:
      // The same process twice: its number itself must not reach the output.
      return [
        call("getpid", six(), { into: "p" }),
        call("getpid", [], { into: "q" }),
        set(into, 1),
        branch("equal", [result("p"), result("q")], failed),
      ];
    case 1:
      return [call("close", [-1, ...six().slice(1)], { into, onError })];
    case 2:
      return [call("write", [1, text(`<${random(1000)}>`), 3], { into, onError })];
    case 3:
      return [call("write", [1, pick(random, [0, -1, 0x7000]), 5], { into, onError })];
    case 4:
      return [call("umask", [random(512)], { into, onError })];
    case 5:
      return [call("lseek", [1, anyWord(random), 0], { into, onError })];
    case 6:
      return [call("dup", [-1], { into, onError })];
    default: {
      const patches = [
        { offset: 0, width: 4, word: anySlot(random) },
        { offset: 4, width: 8, word: anyWord(random) },
        { offset: 12, width: 4, word: random(2 ** 32) },
      ] as const;
      return [call("write", [1, { bytes: new Uint8Array(16), patches }, 16], { into, onError })];
    }
  }
}

function anyInstructions(random: Random, { failed, ahead }: { failed: string; ahead: string }) {
  const into = pick(random, SLOTS);
  const width = pick(random, WIDTHS);
  switch (random(7)) {
    case 0:
      return [add(into, anyWord(random), anyWord(random))];
    case 1:
      return [{ kind: "load", into, ...anyPlace(random, width), width, signed: random(2) === 0 }];
    case 2:
      return [{ kind: "store", value: anyWord(random), ...anyPlace(random, width), width }];
    case 3: {
      const when = pick(random, ["equal", "less"] as const);
      return [branch(when, [anyWord(random), anyWord(random)], ahead)];
    }
    case 4:
      return [set("at", random(7))];
    case 5:
      return random(6) === 0 ? [jump(ahead)] : [add(into, anySlot(random), -1)];
    default:
      return anyCall(random, failed);
  }
}

function makeProgram(random: Random, name: string): Instruction[] {
  const count = 4 + random(24);
  const body: Instruction[] = [set("loop", 1 + random(4)), label(`${name} again`)];
  for (let i = 0; i < count; i++) {
    const ahead = `${name} ${Math.min(count, i + 1 + random(4))}`;
    const made = anyInstructions(random, { failed: `${name} failed`, ahead }) as Instruction[];
    body.push(...made, label(`${name} ${i + 1}`));
  }
  body.push(
    add("loop", result("loop"), -1),
    branch("less", [0, result("loop")], `${name} again`),
    jump(`${name} end`),
    label(`${name} failed`),
    set("h", result("error.errno")),
    label(`${name} end`),
    set("p", 0),
    set("q", 0),
    ...report([...SLOTS, "at", "error.record", "error.errno"]),
    call("write", [1, cell("memory", MEMORY_SIZE), MEMORY_SIZE]),
  );
  return body;
}

/** `count` programs in one list of instructions, which ends with a random exit status. */
export function makePrograms(seed: number, count: number): Instruction[] {
  const random: Random = makeRandom(seed).below;
  // Every slot has a record that makes it, whatever the dice give.
  const all = [...SLOTS, "at", "p", "q"].map((name) => set(name, 0));
  for (let i = 0; i < count; i++) all.push(...makeProgram(random, `${i}`));
  // The mask of whoever runs the tests must not reach the output.
  return [call("umask", [0o22]), ...all, exit(random(256))];
}
