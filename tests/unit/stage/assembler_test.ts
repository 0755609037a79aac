import { assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { assemble, comment, label, type Line, listBlocks } from "../../../ffi/stage/assembler.ts";
import * as arm from "../../../ffi/stage/assembler_aarch64.ts";
import * as x86 from "../../../ffi/stage/assembler_x86_64.ts";

const hex = (lines: readonly Line[]): string =>
  Array.from(assemble(lines), (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** Bytes as GNU as makes them from the text in `name`. */
const X86: { name: string; have: Line; want: string }[] = [
  {
    name: "mov ebx, 0x11001000",
    have: x86.moveImmediate("rbx", 0x11001000),
    want: "bb 00 10 00 11",
  },
  { name: "mov r9d, 1", have: x86.moveImmediate("r9", 1), want: "41 b9 01 00 00 00" },
  { name: "mov rbx, r13", have: x86.move("rbx", "r13"), want: "4c 89 eb" },
  { name: "mov r12, [rax]", have: x86.load("r12", { base: "rax" }, 8), want: "4c 8b 20" },
  {
    name: "mov rax, [rbp+0]",
    have: x86.load("rax", { base: "rbp" }, 8),
    want: "48 8b 45 00",
  },
  {
    name: "mov rax, [r13+0]",
    have: x86.load("rax", { base: "r13" }, 8),
    want: "49 8b 45 00",
  },
  {
    name: "mov rax, [r12]",
    have: x86.load("rax", { base: "r12" }, 8),
    want: "49 8b 04 24",
  },
  {
    name: "mov r10, [r12+r10*8]",
    have: x86.load("r10", { base: "r12", index: "r10" }, 8),
    want: "4f 8b 14 d4",
  },
  {
    name: "mov eax, [rbx+0x100]",
    have: x86.load("rax", { base: "rbx", displacement: 0x100 }, 4),
    want: "8b 83 00 01 00 00",
  },
  {
    name: "movzx eax, word [rbx-2]",
    have: x86.load("rax", { base: "rbx", displacement: -2 }, 2),
    want: "0f b7 43 fe",
  },
  { name: "movzx ecx, byte [rbx]", have: x86.load("rcx", { base: "rbx" }, 1), want: "0f b6 0b" },
  { name: "mov [rdi], dx", have: x86.store({ base: "rdi" }, "rdx", 2), want: "66 89 17" },
  { name: "mov [rdi], dl", have: x86.store({ base: "rdi" }, "rdx", 1), want: "88 17" },
  { name: "mov [rdi], edx", have: x86.store({ base: "rdi" }, "rdx", 4), want: "89 17" },
  {
    name: "lea rax, [rdi+rsi]",
    have: x86.loadAddress("rax", { base: "rdi", index: "rsi", scale: 1 }),
    want: "48 8d 04 37",
  },
  { name: "add rbx, r13", have: x86.add("rbx", "r13"), want: "4c 01 eb" },
  { name: "sub rax, r13", have: x86.subtract("rax", "r13"), want: "4c 29 e8" },
  { name: "cmp rdi, rsi", have: x86.compare("rdi", "rsi"), want: "48 39 f7" },
  { name: "add rbx, 64", have: x86.addImmediate("rbx", 64), want: "48 83 c3 40" },
  {
    name: "cmp rcx, -4095",
    have: x86.compareImmediate("rcx", -4095),
    want: "48 81 f9 01 f0 ff ff",
  },
  { name: "cmp ecx, -1", have: x86.compareImmediate32("rcx", -1), want: "83 f9 ff" },
  { name: "test cl, 0x80", have: x86.testImmediate8("rcx", 0x80), want: "f6 c1 80" },
  { name: "dec ecx", have: x86.decrement32("rcx"), want: "ff c9" },
  { name: "neg rax", have: x86.negate("rax"), want: "48 f7 d8" },
  { name: "shl rbx, 6", have: x86.shiftLeft("rbx", 6), want: "48 c1 e3 06" },
  { name: "shr rax, 6", have: x86.shiftRight("rax", 6), want: "48 c1 e8 06" },
  { name: "shl rax, cl", have: x86.shiftLeftByCounter("rax"), want: "48 d3 e0" },
  { name: "sar rax, cl", have: x86.shiftRightSignedByCounter("rax"), want: "48 d3 f8" },
  { name: "syscall", have: x86.systemCall, want: "0f 05" },
  { name: "ud2", have: x86.illegal, want: "0f 0b" },
];

const ARM: { name: string; have: Line; want: string }[] = [
  {
    name: "mov x9, 0x1000; movk x9, 0x1100, lsl 16",
    have: arm.moveImmediate32(9, 0x11001000),
    want: "09 00 82 d2 09 20 a2 f2",
  },
  { name: "mov x19, x21", have: arm.move(19, 21), want: "f3 03 15 aa" },
  {
    name: "ldr x0, [x19, 16]",
    have: arm.load(0, { base: 19, offset: 16 }, 8),
    want: "60 0a 40 f9",
  },
  {
    name: "ldr w8, [x19, 12]",
    have: arm.load(8, { base: 19, offset: 12 }, 4),
    want: "68 0e 40 b9",
  },
  { name: "ldrh w9, [x19, 2]", have: arm.load(9, { base: 19, offset: 2 }, 2), want: "69 06 40 79" },
  {
    name: "ldrb w10, [x19, 1]",
    have: arm.load(10, { base: 19, offset: 1 }, 1),
    want: "6a 06 40 39",
  },
  { name: "str x2, [x0]", have: arm.store(2, { base: 0 }, 8), want: "02 00 00 f9" },
  { name: "strb w2, [x0]", have: arm.store(2, { base: 0 }, 1), want: "02 00 00 39" },
  { name: "ldr x0, [x20, x0, lsl 3]", have: arm.loadIndexed(0, 20, 0), want: "80 7a 60 f8" },
  { name: "str x0, [x20, x9, lsl 3]", have: arm.storeIndexed(0, 20, 9), want: "80 7a 29 f8" },
  {
    name: "add x19, x21, x9, lsl 6",
    have: arm.add(19, { left: 21, right: 9, shift: 6 }),
    want: "b3 1a 09 8b",
  },
  { name: "neg x0, x0", have: arm.subtract(0, { left: arm.ZERO, right: 0 }), want: "e0 03 00 cb" },
  { name: "add x19, x19, 64", have: arm.addImmediate(19, 19, 64), want: "73 02 01 91" },
  { name: "cmp x0, x1", have: arm.compare(0, 1), want: "1f 00 01 eb" },
  { name: "cmp w10, 3", have: arm.compareImmediate32(10, 3), want: "5f 0d 00 71" },
  { name: "cmn w9, 1", have: arm.compareNegative32(9, 1), want: "3f 05 00 31" },
  { name: "cmn x0, 4095", have: arm.compareNegative(0, 4095), want: "1f fc 3f b1" },
  { name: "lsl x0, x0, x10", have: arm.shiftLeft(0, 0, 10), want: "00 20 ca 9a" },
  { name: "asr x0, x0, x10", have: arm.shiftRightSigned(0, 0, 10), want: "00 28 ca 9a" },
  { name: "lsr x0, x0, 6", have: arm.shiftRightImmediate(0, 0, 6), want: "00 fc 46 d3" },
  { name: "svc 0", have: arm.systemCall, want: "01 00 00 d4" },
  { name: "udf 0", have: arm.illegal, want: "00 00 00 00" },
];

for (const [architecture, cases] of [["x86_64", X86], ["aarch64", ARM]] as const) {
  describe(`instructions of ${architecture}`, () => {
    for (const { name, have, want } of cases) test(name, () => assertEquals(hex([have]), want));
  });
}

const NOP: Line = { kind: "bytes", bytes: [0x90] };

describe("jumps of x86_64", () => {
  test("forward, backward, near and conditional", () => {
    const lines = [
      label("a"),
      NOP,
      x86.jump("b"),
      x86.jumpFar("a"),
      label("b"),
      x86.jumpIf("less", "a"),
    ];
    assertEquals(hex(lines), "90 eb 05 e9 f8 ff ff ff 7c f6");
    assertEquals(hex([label("a"), x86.jumpIfFar("equal", "a")]), "0f 84 fa ff ff ff");
  });

  test("a short jump that does not reach is refused, one that just reaches is not", () => {
    const over = (
      count: number,
    ) => [x86.jump("end"), ...new Array<Line>(count).fill(NOP), label("end")];
    assertEquals(assemble(over(127))[1], 127);
    assertThrows(() => assemble(over(128)), RangeError, "end is 128 bytes away");
  });

  test("operands that have no form here are refused", () => {
    assertThrows(() => x86.testImmediate8("rsi", 1), RangeError, "no byte form");
    assertThrows(() => x86.store({ base: "rdi" }, "r8", 1), RangeError, "no byte form");
    assertThrows(() => x86.load("rax", { base: "rax", index: "rsp" }, 8), RangeError, "rsp");
    assertThrows(() => x86.compareImmediate32("rax", 200), RangeError, "200");
  });
});

describe("jumps of aarch64", () => {
  test("forward, backward, conditional, by bit", () => {
    const lines = [
      label("a"),
      arm.jump("b"),
      arm.jumpIf("below", "a"),
      label("b"),
      arm.jumpIfBitClear(9, 5, "a"),
    ];
    assertEquals(hex(lines), "02 00 00 14 e3 ff ff 54 c9 ff 2f 36");
  });

  test("out of reach and out of range are refused", () => {
    const far: Line = { kind: "bytes", bytes: new Array<number>(1 << 15).fill(0) };
    assertThrows(
      () => assemble([arm.jumpIfBitClear(0, 0, "a"), far, label("a")]),
      RangeError,
      "out of reach",
    );
    assertThrows(() => arm.addImmediate(0, 0, 4096), RangeError, "4096");
    assertThrows(() => arm.load(0, { base: 0, offset: 3 }, 8), RangeError, "offset 3");
  });
});

describe("assemble()", () => {
  test("refuses unknown and doubled labels", () => {
    assertThrows(() => assemble([x86.jump("a")]), RangeError, "no label a");
    assertThrows(() => assemble([label("a"), label("a")]), RangeError, "stands twice");
  });

  test("comments know where their block begins", () => {
    const lines = [comment("one"), NOP, x86.jump("a"), label("a"), comment("two"), NOP];
    assertEquals(listBlocks(lines), [{ offset: 0, text: "one" }, { offset: 3, text: "two" }]);
  });
});
