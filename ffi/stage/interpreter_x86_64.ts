/**
 * The stage's interpreter for x86-64.
 *
 * rbx = the record, r12 = the slots, r13 = the first record. Nothing else lives longer than a record, and the kernel keeps them over `syscall`
 * (it clobbers rax, rcx and r11 only), in the child of a clone too. There is no stack: no call, no push.
 */
import { assemble, comment, label, type Line } from "./assembler.ts";
import * as x86 from "./assembler_x86_64.ts";
import {
  CONDITION_EQUAL,
  HEADER_ADDRESS,
  HEADER_RECORDS_ADDRESS,
  HEADER_SLOTS_ADDRESS,
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
} from "./layout.ts";

/** The registers that take a call's six arguments (syscall(2)); the other kinds take their words from them too. */
const WORDS: readonly x86.Register[] = ["rdi", "rsi", "rdx", "r10", "r8", "r9"];

const field = (displacement: number): x86.Memory => ({ base: "rbx", displacement });
const slotAt = (index: number): x86.Memory => ({ base: "r12", displacement: index * 8 });
const slotOf = (index: x86.Register): x86.Memory => ({ base: "r12", index });

function start(): Line[] {
  return [
    comment("entry: r12 = the slots, rbx = r13 = the first record, as the header says"),
    x86.moveImmediate("rax", HEADER_ADDRESS),
    x86.load("r12", { base: "rax", displacement: HEADER_SLOTS_ADDRESS }, 8),
    x86.load("r13", { base: "rax", displacement: HEADER_RECORDS_ADDRESS }, 8),
    x86.move("rbx", "r13"),
  ];
}

function fetchWords(): Line[] {
  return [
    comment(
      "each record: six words into the six argument registers; bit i of the mask: word i is a slot's index",
    ),
    label("record"),
    x86.load("rax", field(RECORD_REFERENCES), 2),
    ...WORDS.flatMap((register, i) => [
      x86.load(register, field(RECORD_WORDS + i * 8), 8),
      x86.testImmediate8("rax", 1 << i),
      x86.jumpIf("equal", `word ${i}`),
      x86.load(register, slotOf(register), 8),
      label(`word ${i}`),
    ]),
  ];
}

function dispatch(): Line[] {
  const kinds = ["syscall", "branch", "load", "store", "add", "jump"];
  const near = ["syscall", "branch", "jump"];
  return [
    comment(
      "the kind: 1 syscall, 2 branch, 3 load, 4 store, 5 add, 6 jump, all else: illegal instruction",
    ),
    x86.load("rcx", field(RECORD_KIND), 1),
    ...kinds.flatMap((kind) => [
      x86.decrement32("rcx"),
      near.includes(kind) ? x86.jumpIf("equal", kind) : x86.jumpIfFar("equal", kind),
    ]),
    x86.illegal,
  ];
}

function add(): Line[] {
  return [
    comment("add; its end is the end of load too: the result goes to the destination slot"),
    label("add"),
    x86.loadAddress("rax", { base: "rdi", index: "rsi", scale: 1 }),
    label("result"),
    x86.load("rcx", field(RECORD_DESTINATION), 4),
    x86.store(slotOf("rcx"), "rax", 8),
    x86.jumpFar("advance"),
  ];
}

function load(): Line[] {
  return [
    comment(
      "load: the width's bit says how many bytes; signed: shifted up and down again by 64 − 8 × width",
    ),
    label("load"),
    x86.add("rdi", "rsi"),
    x86.load("rcx", field(RECORD_MODE), 1),
    x86.testImmediate8("rcx", 8),
    x86.jumpIf("equal", "load 4"),
    x86.load("rax", { base: "rdi" }, 8),
    x86.jump("result"),
    label("load 4"),
    x86.testImmediate8("rcx", 4),
    x86.jumpIf("equal", "load 2"),
    x86.load("rax", { base: "rdi" }, 4),
    x86.jump("extend"),
    label("load 2"),
    x86.testImmediate8("rcx", 2),
    x86.jumpIf("equal", "load 1"),
    x86.load("rax", { base: "rdi" }, 2),
    x86.jump("extend"),
    label("load 1"),
    x86.load("rax", { base: "rdi" }, 1),
    label("extend"),
    x86.testImmediate8("rcx", WIDTH_SIGNED),
    x86.jumpIf("equal", "result"),
    x86.shiftLeft("rcx", 3),
    x86.negate("rcx"),
    x86.shiftLeftByCounter("rax"),
    x86.shiftRightSignedByCounter("rax"),
    x86.jump("result"),
  ];
}

function store(): Line[] {
  return [
    comment("store: the third word's low bytes"),
    label("store"),
    x86.add("rdi", "rsi"),
    x86.load("rcx", field(RECORD_MODE), 1),
    ...([8, 4, 2] as const).flatMap((width) => [
      x86.testImmediate8("rcx", width),
      x86.jumpIf("equal", `not ${width}`),
      x86.store({ base: "rdi" }, "rdx", width),
      x86.jump("advance"),
      label(`not ${width}`),
    ]),
    x86.store({ base: "rdi" }, "rdx", 1),
    x86.jump("advance"),
  ];
}

function branch(): Line[] {
  return [
    comment("branch: equal, else signed less"),
    label("branch"),
    x86.load("rcx", field(RECORD_MODE), 1),
    x86.compareImmediate32("rcx", CONDITION_EQUAL),
    x86.jumpIf("notEqual", "less"),
    x86.compare("rdi", "rsi"),
    x86.jumpIf("equal", "jump"),
    x86.jump("advance"),
    label("less"),
    x86.compare("rdi", "rsi"),
    x86.jumpIf("less", "jump"),
    x86.jump("advance"),
  ];
}

function systemCall(before: readonly Line[]): Line[] {
  return [
    comment("syscall: the result goes to its slot, also when it is an errno"),
    label("syscall"),
    x86.load("rax", field(RECORD_NUMBER), 4),
    ...before,
    x86.systemCall,
    x86.load("rcx", field(RECORD_DESTINATION), 4),
    x86.store(slotOf("rcx"), "rax", 8),
    comment(
      "below −4095 as an unsigned number: no error; an error without a target: the next record",
    ),
    x86.compareImmediate("rax", -MAX_ERRNO),
    x86.jumpIf("below", "advance"),
    x86.load("rcx", field(RECORD_TARGET), 4),
    x86.compareImmediate32("rcx", -1),
    x86.jumpIf("equal", "advance"),
    comment("slot 1 = errno, slot 0 = index of this record"),
    x86.negate("rax"),
    x86.store(slotAt(SLOT_ERROR_ERRNO), "rax", 8),
    x86.move("rax", "rbx"),
    x86.subtract("rax", "r13"),
    x86.shiftRight("rax", Math.log2(RECORD_SIZE)),
    x86.store(slotAt(SLOT_ERROR_RECORD), "rax", 8),
    comment("jump: record = the target"),
    label("jump"),
    x86.load("rbx", field(RECORD_TARGET), 4),
    x86.shiftLeft("rbx", Math.log2(RECORD_SIZE)),
    x86.add("rbx", "r13"),
    x86.jumpFar("record"),
    comment("the next record"),
    label("advance"),
    x86.addImmediate("rbx", RECORD_SIZE),
    x86.jumpFar("record"),
  ];
}

/**
 * The program of the interpreter, with a comment in front of each block. `beforeCall`: what else is done before each call, whose number is
 * in rax and whose words are where the kernel reads them; the stage has nothing of that.
 */
export function interpreterX86(
  { beforeCall = [] }: { readonly beforeCall?: readonly Line[] } = {},
): readonly Line[] {
  return [
    ...start(),
    ...fetchWords(),
    ...dispatch(),
    ...systemCall(beforeCall),
    ...branch(),
    ...store(),
    ...load(),
    ...add(),
  ];
}

/** The machine code, to be placed at `ENTRY_ADDRESS` (it has no address of its own inside). */
export function assembleX86(): Uint8Array {
  return assemble(interpreterX86());
}
