/**
 * The stage's interpreter for aarch64.
 *
 * x19 = the record, x20 = the slots, x21 = the first record. The kernel changes x0 only, in the child of a clone too.
 * There is no stack and no call.
 */
import * as arm from "./assembler_aarch64.ts";
import { assemble, comment, label, type Line } from "./assembler.ts";
import {
  CONDITION_EQUAL,
  HEADER_ADDRESS,
  HEADER_RECORDS_ADDRESS,
  HEADER_SLOTS_ADDRESS,
  KIND_JUMP,
  MAX_ERRNO,
  RECORD_DESTINATION,
  RECORD_KIND,
  RECORD_MODE,
  RECORD_NUMBER,
  RECORD_REFERENCES,
  RECORD_SIZE,
  RECORD_TARGET,
  RECORD_WORDS,
  SLOT_ERROR_ERRNO,
  SLOT_ERROR_RECORD,
  WIDTH_SIGNED,
  WORD_COUNT,
} from "./layout.ts";

const RECORD = 19;
const SLOTS = 20;
const FIRST = 21;
/** Scratch. */
const MASK = 9;
const VALUE = 9;
const MODE = 10;
const NUMBER = 8;

const field = (offset: number): arm.At => ({ base: RECORD, offset });
const LOG_RECORD = Math.log2(RECORD_SIZE);

function start(): Line[] {
  return [
    comment("entry: x20 = the slots, x19 = x21 = the first record, as the header says"),
    arm.moveImmediate32(VALUE, HEADER_ADDRESS),
    arm.load(SLOTS, { base: VALUE, offset: HEADER_SLOTS_ADDRESS }, 8),
    arm.load(FIRST, { base: VALUE, offset: HEADER_RECORDS_ADDRESS }, 8),
    arm.move(RECORD, FIRST),
  ];
}

function fetchWords(): Line[] {
  const words = Array.from({ length: WORD_COUNT }, (_, i) => i);
  return [
    comment("each record: six words into x0…x5; bit i of the mask: word i is a slot's index"),
    label("record"),
    arm.load(MASK, field(RECORD_REFERENCES), 2),
    ...words.flatMap((i) => [
      arm.load(i, field(RECORD_WORDS + i * 8), 8),
      arm.jumpIfBitClear(MASK, i, `word ${i}`),
      arm.loadIndexed(i, SLOTS, i),
      label(`word ${i}`),
    ]),
  ];
}

function dispatch(): Line[] {
  const kinds = ["syscall", "branch", "load", "store", "add", "jump"];
  if (kinds.length !== KIND_JUMP) throw new RangeError("the kinds are numbered in this order");
  return [
    comment(
      "the kind: 1 syscall, 2 branch, 3 load, 4 store, 5 add, 6 jump, all else: illegal instruction",
    ),
    arm.load(MODE, field(RECORD_KIND), 1),
    ...kinds.flatMap((kind, i) => [arm.compareImmediate32(MODE, i + 1), arm.jumpIf("equal", kind)]),
    arm.illegal,
  ];
}

function load(): Line[] {
  return [
    comment(
      "load: the width's bit says how many bytes; signed: shifted up and down again by 64 − 8 × width",
    ),
    label("load"),
    arm.add(0, { left: 0, right: 1 }),
    arm.load(MODE, field(RECORD_MODE), 1),
    arm.jumpIfBitClear(MODE, 3, "load 4"),
    arm.load(0, { base: 0 }, 8),
    arm.jump("result"),
    label("load 4"),
    arm.jumpIfBitClear(MODE, 2, "load 2"),
    arm.load(0, { base: 0 }, 4),
    arm.jump("extend"),
    label("load 2"),
    arm.jumpIfBitClear(MODE, 1, "load 1"),
    arm.load(0, { base: 0 }, 2),
    arm.jump("extend"),
    label("load 1"),
    arm.load(0, { base: 0 }, 1),
    label("extend"),
    arm.jumpIfBitClear(MODE, Math.log2(WIDTH_SIGNED), "result"),
    arm.subtract(MODE, { left: arm.ZERO, right: MODE, shift: 3 }),
    arm.shiftLeft(0, 0, MODE),
    arm.shiftRightSigned(0, 0, MODE),
    arm.jump("result"),
  ];
}

function add(): Line[] {
  return [
    comment("add; its end is the end of load too: the result goes to the destination slot"),
    label("add"),
    arm.add(0, { left: 0, right: 1 }),
    label("result"),
    arm.load(VALUE, field(RECORD_DESTINATION), 4),
    arm.storeIndexed(0, SLOTS, VALUE),
    arm.jump("advance"),
  ];
}

function store(): Line[] {
  return [
    comment("store: the third word's low bytes"),
    label("store"),
    arm.add(0, { left: 0, right: 1 }),
    arm.load(MODE, field(RECORD_MODE), 1),
    ...([8, 4, 2] as const).flatMap((width) => [
      arm.jumpIfBitClear(MODE, Math.log2(width), `not ${width}`),
      arm.store(2, { base: 0 }, width),
      arm.jump("advance"),
      label(`not ${width}`),
    ]),
    arm.store(2, { base: 0 }, 1),
    arm.jump("advance"),
  ];
}

function branch(): Line[] {
  return [
    comment("branch: equal, else signed less"),
    label("branch"),
    arm.load(MODE, field(RECORD_MODE), 1),
    arm.compareImmediate32(MODE, CONDITION_EQUAL),
    arm.jumpIf("notEqual", "less"),
    arm.compare(0, 1),
    arm.jumpIf("equal", "jump"),
    arm.jump("advance"),
    label("less"),
    arm.compare(0, 1),
    arm.jumpIf("less", "jump"),
    arm.jump("advance"),
  ];
}

function systemCall(): Line[] {
  return [
    comment("syscall: the result goes to its slot, also when it is an errno"),
    label("syscall"),
    arm.load(NUMBER, field(RECORD_NUMBER), 4),
    arm.systemCall,
    arm.load(VALUE, field(RECORD_DESTINATION), 4),
    arm.storeIndexed(0, SLOTS, VALUE),
    comment(
      "below −4095 as an unsigned number: no error; an error without a target: the next record",
    ),
    arm.compareNegative(0, MAX_ERRNO),
    arm.jumpIf("below", "advance"),
    arm.load(VALUE, field(RECORD_TARGET), 4),
    arm.compareNegative32(VALUE, 1),
    arm.jumpIf("equal", "advance"),
    comment("slot 1 = errno, slot 0 = index of this record"),
    arm.subtract(0, { left: arm.ZERO, right: 0 }),
    arm.store(0, { base: SLOTS, offset: SLOT_ERROR_ERRNO * 8 }, 8),
    arm.subtract(0, { left: RECORD, right: FIRST }),
    arm.shiftRightImmediate(0, 0, LOG_RECORD),
    arm.store(0, { base: SLOTS, offset: SLOT_ERROR_RECORD * 8 }, 8),
    comment("jump: record = the target"),
    label("jump"),
    arm.load(VALUE, field(RECORD_TARGET), 4),
    arm.add(RECORD, { left: FIRST, right: VALUE, shift: LOG_RECORD }),
    arm.jump("record"),
    comment("the next record"),
    label("advance"),
    arm.addImmediate(RECORD, RECORD, RECORD_SIZE),
    arm.jump("record"),
  ];
}

/** The program of the interpreter, with a comment in front of each block. */
export function interpreterAarch64(): readonly Line[] {
  return [
    ...start(),
    ...fetchWords(),
    ...dispatch(),
    ...systemCall(),
    ...branch(),
    ...store(),
    ...load(),
    ...add(),
  ];
}

/** The machine code, to be placed at `ENTRY_ADDRESS` (it has no address of its own inside). */
export function assembleAarch64(): Uint8Array {
  return assemble(interpreterAarch64());
}
