/**
 * Programs of the kernel's own machine (eBPF) as bytes: instructions by name, jumps by label. Only what our programs use.
 * Source: Documentation/bpf/standardization/instruction-set.rst.
 */
import {
  BPF_ALU64,
  BPF_AND,
  BPF_EXIT,
  BPF_INSN,
  BPF_JMP,
  BPF_JNE,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_RSH,
  BPF_W,
  BPF_X,
} from "../abi/bpf.ts";
import { writeField } from "../abi/struct.ts";

/** r0 is the result, r1 the context at entry. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5;

/** One instruction, or a label for the next one. */
export type Instruction =
  | { readonly op: "load"; readonly to: Register; readonly from: Register; readonly offset: number }
  | {
    readonly op: "move";
    readonly to: Register;
    readonly from: Register | { readonly value: number };
  }
  | { readonly op: "and" | "shiftRight"; readonly to: Register; readonly value: number }
  | {
    readonly op: "jumpUnlessEqual";
    readonly left: Register;
    readonly right: Register | { readonly value: number };
    readonly label: string;
  }
  | { readonly op: "exit" }
  | { readonly op: "label"; readonly name: string };

interface Encoded {
  readonly code: number;
  readonly to?: Register;
  readonly from?: Register;
  readonly offset?: number;
  readonly value?: number;
  readonly label?: string;
}

/** Code and operands of an instruction; jumps keep their label. */
function encodeOne(one: Exclude<Instruction, { op: "label" }>): Encoded {
  switch (one.op) {
    case "load":
      return { code: BPF_LDX | BPF_W | BPF_MEM, to: one.to, from: one.from, offset: one.offset };
    case "move":
      return { ...operand(BPF_ALU64 | BPF_MOV, one.from), to: one.to };
    case "and":
      return { code: BPF_ALU64 | BPF_AND | BPF_K, to: one.to, value: one.value };
    case "shiftRight":
      return { code: BPF_ALU64 | BPF_RSH | BPF_K, to: one.to, value: one.value };
    case "jumpUnlessEqual":
      return { ...operand(BPF_JMP | BPF_JNE, one.right), to: one.left, label: one.label };
    case "exit":
      return { code: BPF_JMP | BPF_EXIT };
  }
}

function operand(code: number, from: Register | { readonly value: number }): Encoded {
  return typeof from === "number"
    ? { code: code | BPF_X, from }
    : { code: code | BPF_K, value: from.value };
}

/** Throws RangeError for a label that is not there, or behind which a jump would go back. */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  const places = new Map<string, number>();
  const instructions: Encoded[] = [];
  for (const one of program) {
    if (one.op === "label") places.set(one.name, instructions.length);
    else instructions.push(encodeOne(one));
  }
  const bytes = new Uint8Array(instructions.length * BPF_INSN.size);
  const view = new DataView(bytes.buffer);
  instructions.forEach((one, index) => {
    const base = index * BPF_INSN.size;
    const put = (field: keyof typeof BPF_INSN.fields, value: number): void =>
      writeField(view, BPF_INSN.fields[field], { base, value });
    put("code", one.code);
    put("regs", (one.from ?? 0) << 4 | (one.to ?? 0));
    put("off", one.label === undefined ? one.offset ?? 0 : distance(places.get(one.label), index));
    put("imm", (one.value ?? 0) | 0);
  });
  return bytes;
}

/** A jump counts from the instruction after it. */
function distance(place: number | undefined, index: number): number {
  if (place === undefined) throw new RangeError("a jump of the program has no label");
  if (place <= index) throw new RangeError("a jump of the program goes back");
  return place - index - 1;
}
