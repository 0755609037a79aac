/**
 * The launcher's machine code for x86-64: what the executable begins with, in front of the JavaScript runtime (docs/launcher.md). It interprets
 * the launcher's program (runtime/plan/launcher), in the stage's language and by the stage's interpreter, and where that leaves the command line
 * to the runtime, puts everything back and goes on at the runtime's own entry.
 *
 * At a process's entry (System V ABI, AMD64 supplement, 3.4.1): rsp points at argc, argv, envp; rdx is what is to be registered with atexit.
 * The interpreter has no stack, and the kernel keeps r14 and r15 over a call: there rdx waits.
 */
import { syscallNumber } from "../abi/syscalls.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from "../abi/mman.ts";
import { assemble, comment, label, type Line } from "./assembler.ts";
import * as x86 from "./assembler_x86_64.ts";
import { interpreterX86 } from "./interpreter_x86_64.ts";
import { LEAVE_STATUS } from "./layout.ts";

/** Where everything of one launcher is, as addresses. */
export interface LauncherPlaces {
  /** Of the runtime. */
  readonly entry: number;
  /** Bytes with patches as they are at first, mapped read-only, and where they are to be. */
  readonly initial: number;
  readonly initialBytes: number;
  readonly writable: number;
  /** Whole pages around the writable memory. */
  readonly pages: { readonly address: number; readonly bytes: number };
  readonly slots: number;
}

/** The first words of the command lines that it looks at: no other pays for more than this comparison. */
export const LAUNCHED_VERBS = ["exec", "run"] as const;

const call = (name: string): Line[] => {
  const number = syscallNumber(name, "x86_64");
  if (number === undefined) throw new RangeError(`no system call ${name}`);
  return [x86.moveImmediate("rax", number), x86.systemCall];
};

/** The first four bytes of `text` with its NUL, as a number; and the fifth where there is one. */
function asNumbers(text: string): { readonly four: number; readonly fifth: number | undefined } {
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.length > 5 || bytes.length < 4) throw new RangeError(`${text} has no 3 or 4 letters`);
  const four = new DataView(bytes.buffer).getUint32(0, true);
  return { four, fifth: bytes[4] };
}

function chooseVerb(): Line[] {
  return [
    comment("only command lines of a known verb"),
    x86.move("r14", "rdx"),
    x86.load("rax", { base: "rsp" }, 8),
    x86.compareImmediate("rax", 3),
    x86.jumpIfFar("less", "leave"),
    x86.load("rcx", { base: "rsp", displacement: 16 }, 8),
    x86.load("rax", { base: "rcx" }, 4),
    ...LAUNCHED_VERBS.flatMap((verb) => {
      const { four, fifth } = asNumbers(verb);
      return [
        x86.compareImmediate("rax", four),
        x86.jumpIf("notEqual", `not ${verb}`),
        ...(fifth === undefined ? [] : [
          x86.load("rdx", { base: "rcx", displacement: 4 }, 1),
          x86.compareImmediate("rdx", fifth),
          x86.jumpIf("notEqual", `not ${verb}`),
        ]),
        x86.jumpFar("begin"),
        label(`not ${verb}`),
      ];
    }),
    x86.jumpFar("leave"),
  ];
}

function prepareMemory({ initial, initialBytes, writable, pages, slots }: LauncherPlaces): Line[] {
  return [
    comment("the program's writable memory, where nothing may be yet"),
    label("begin"),
    x86.moveImmediate("rdi", pages.address),
    x86.moveImmediate("rsi", pages.bytes),
    x86.moveImmediate("rdx", PROT_READ | PROT_WRITE),
    x86.moveImmediate("r10", MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE),
    x86.moveImmediate("r8", -1),
    x86.moveImmediate("r9", 0),
    ...call("mmap"),
    x86.compare("rax", "rdi"),
    x86.jumpIfFar("notEqual", "leave"),
    x86.moveImmediate("rdi", writable),
    x86.moveImmediate("rsi", initial),
    x86.moveImmediate("rcx", initialBytes),
    x86.copyBytes,
    comment("the first slot begins as the address of argc"),
    x86.moveImmediate("rax", slots),
    x86.store({ base: "rax" }, "rsp", 8),
  ];
}

function leave({ entry, pages }: LauncherPlaces): Line[] {
  return [
    comment("all is given back, and the runtime begins as if nothing had been"),
    label("give back"),
    x86.moveImmediate("rdi", pages.address),
    x86.moveImmediate("rsi", pages.bytes),
    ...call("munmap"),
    label("leave"),
    x86.move("rdx", "r14"),
    x86.moveImmediate("rax", entry),
    x86.jumpTo("rax"),
  ];
}

/** A call of the program that leaves. */
function beforeCall(): Line[] {
  return [
    x86.compareImmediate("rax", syscallNumber("exit_group", "x86_64") ?? 0),
    x86.jumpIf("notEqual", "no leave"),
    x86.compareImmediate("rdi", LEAVE_STATUS),
    x86.jumpIfFar("equal", "give back"),
    label("no leave"),
  ];
}

/** The launcher's code, with a comment in front of each block. */
export function launcherX86(places: LauncherPlaces): readonly Line[] {
  return [
    ...chooseVerb(),
    ...prepareMemory(places),
    ...interpreterX86({ beforeCall: beforeCall() }),
    ...leave(places),
  ];
}

/** Machine code that has no address of its own inside. */
export function assembleLauncherX86(places: LauncherPlaces): Uint8Array {
  return assemble(launcherX86(places));
}
