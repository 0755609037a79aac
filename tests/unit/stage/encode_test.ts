import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { syscallNumber } from "../../../ffi/abi/syscalls.ts";
import type { Word } from "../../../ffi/calls/call.ts";
import { decode, showImage } from "../../../ffi/stage/decode.ts";
import { readElf } from "../../../ffi/stage/elf.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import { INTERPRETER_CODE } from "../../../ffi/stage/generated/interpreter_code.ts";
import type { Instruction } from "../../../ffi/stage/language.ts";
import * as layout from "../../../ffi/stage/layout.ts";
import { createMachine, readMemory } from "../../../ffi/stage/simulate.ts";
import { StageError } from "../../../ffi/stage/stage_error.ts";
import {
  ARCHITECTURES,
  branch,
  call,
  cell,
  exit,
  jump,
  label,
  result,
  set,
  store,
  text,
} from "./support.ts";

function listing(instructions: readonly Instruction[]): string[] {
  const { image } = encode({ instructions }, "x86_64");
  return showImage(decode(image)).trimEnd().split("\n").map((line) => line.slice(6));
}

const TRAP = "s2 = syscall 231(125, 0, 0, 0, 0, 0)";
const CONSTANTS = `0x${layout.CONSTANTS_ADDRESS.toString(16)}`;

describe("encode(): one record", () => {
  const cases: { name: string; have: Instruction; want: string }[] = [
    {
      name: "a call, its result dropped",
      have: call("close", [3]),
      want: "s2 = syscall 3(3, 0, 0, 0, 0, 0)",
    },
    {
      name: "a call whose failure goes elsewhere",
      have: call("dup", [-1], { into: "a", onError: "here" }),
      want: "s3 = syscall 32(-1, 0, 0, 0, 0, 0) else 0",
    },
    {
      name: "all words are results",
      have: call("mmap", [1, 2, 3, 4, 5, 6].map(() => result("a")), { into: "a" }),
      want: "s3 = syscall 9(s3, s3, s3, s3, s3, s3)",
    },
    {
      name: "64-bit words",
      have: call("close", [2 ** 40, -(2 ** 40) - 1, 1n << 63n, -1n, (1n << 64n) - 1n, -(2 ** 31)]),
      want: `s2 = syscall 3(${2 ** 40}, ${-(2 ** 40) - 1}, ${-(2n ** 63n)}, -1, -1, ${-(2 ** 31)})`,
    },
    {
      name: "a constant",
      have: call("chdir", [text("/x\0")]),
      want: `s2 = syscall 80(${CONSTANTS}, 0, 0, 0, 0, 0)`,
    },
    { name: "equal", have: branch("equal", [1, 2], "here"), want: "if 1 == 2 jump 0" },
    { name: "less", have: branch("less", [-1, 2], "here"), want: "if -1 < 2 jump 0" },
    {
      name: "a load with a sign",
      have: { kind: "load", into: "a", address: 4096, offset: 5, width: 2, signed: true },
      want: "s3 = i16 [4096 + 5]",
    },
    {
      name: "a load of eight bytes has no sign to extend",
      have: { kind: "load", into: "a", address: 4096, width: 8, signed: true },
      want: "s3 = u64 [4096 + 0]",
    },
    {
      name: "a store of an errno",
      have: { kind: "store", value: result("error.errno"), address: 4096, offset: 3, width: 1 },
      want: "u8 [4096 + 3] = s1",
    },
    { name: "an addition", have: set("a", result("error.record")), want: "s3 = s0 + 0" },
    { name: "a jump", have: jump("here"), want: "jump 0" },
  ];
  for (const { name, have, want } of cases) {
    test(name, () => {
      const end = "s2 = syscall 231(0, 0, 0, 0, 0, 0)";
      assertEquals(listing([label("here"), have, exit(0)]), [want, end, TRAP]);
    });
  }
});

describe("encode(): memory", () => {
  test("equal constants stand once, unequal ones apart", () => {
    const lines = listing([
      call("chdir", [text("/a")]),
      call("chdir", [text("/a")]),
      call("chdir", [text("/b")]),
      call("chdir", [{ bytes: new Uint8Array(0) }]),
      exit(0),
    ]);
    const addresses = lines.slice(0, 4).map((line) => /\((0x\w+)/.exec(line)?.[1]);
    assertEquals(addresses[0], addresses[1]);
    assertEquals(new Set(addresses).size, 3);
  });

  test("constants of all byte values are told apart", () => {
    const all = Array.from({ length: 256 }, (_, i) => ({ bytes: Uint8Array.of(i) }));
    const { image } = encode({
      instructions: [...all.map((word) => call("chdir", [word])), exit(0)],
    }, "aarch64");
    const machine = createMachine(image);
    decode(image).records.slice(0, 256).forEach(({ words }, i) => {
      assertEquals(readMemory(machine.memory, words[0] ?? 0n, 1)[0], i);
    });
  });

  test("cells of one name are one piece of memory, aligned to 16 bytes", () => {
    const { addresses } = encode({
      instructions: [
        store(cell("a", 3), 1),
        store(cell("b", 8), 1),
        store(cell("a", 3, 2), 1, 1),
        exit(0),
      ],
    }, "x86_64");
    const [a = 0, b = 0] = [addresses.cells.get("a"), addresses.cells.get("b")];
    assertEquals([a % 16, b - a], [0, 16]);
    assertEquals(addresses.cells.size, 2);
  });

  test("patches: what is known is written at once, results by stores before each use", () => {
    const inner = {
      bytes: new Uint8Array(8).fill(0xee),
      patches: [{ offset: 0, width: 4, word: result("fd") }],
    } as const;
    const outer = {
      bytes: new Uint8Array(28).fill(0xee),
      patches: [
        { offset: 0, width: 8, word: inner },
        { offset: 8, width: 8, word: text("x") },
        { offset: 16, width: 8, word: -2 },
        { offset: 24, width: 4, word: 0xfedcba98 },
      ],
    } as const;
    const instructions = [
      set("fd", 5),
      call("close", [outer, outer]),
      call("close", [inner]),
      exit(0),
    ];
    const encoded = encode({ instructions }, "x86_64");
    const { records } = decode(encoded.image);
    const kinds = records.map(({ kind }) => kind);
    assertEquals(kinds, [
      "add",
      "store",
      "store",
      "syscall",
      "store",
      "syscall",
      "syscall",
      "syscall",
    ]);
    assertEquals(encoded.records.slice(1, 6).map((source) => instructions.indexOf(source)), [
      1,
      1,
      1,
      2,
      2,
    ]);
    const [outerAddress = 0n] = records[3]?.words ?? [];
    const [innerAddress = 0n] = records[5]?.words ?? [];
    assertEquals(records[1]?.words.slice(0, 3), [innerAddress, 0n, 3n]);
    const bytes = readMemory(createMachine(encoded.image).memory, outerAddress, 28);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 28);
    assertEquals(view.getBigUint64(0, true), innerAddress);
    assertEquals(view.getBigUint64(8, true), BigInt(layout.CONSTANTS_ADDRESS));
    assertEquals([view.getBigInt64(16, true), view.getUint32(24, true)], [-2n, 0xfedcba98]);
  });

  test("a label stands before the stores of its record", () => {
    const bytes = {
      bytes: new Uint8Array(4),
      patches: [{ offset: 0, width: 4, word: result("a") }],
    } as const;
    const lines = listing([set("a", 1), label("again"), call("close", [bytes]), jump("again")]);
    assertEquals(lines[3], "jump 1");
  });

  test("a large program grows its regions", () => {
    const calls = Array.from({ length: 2000 }, (_, i) => call("chdir", [text(`/path/${i}`), i]));
    const { image, records } = encode({ instructions: [...calls, exit(0)] }, "x86_64");
    const machine = createMachine(image);
    const last = machine.image.records[1999];
    assertEquals(records.length, 2002);
    assertEquals(
      new TextDecoder().decode(readMemory(machine.memory, last?.words[0] ?? 0n, 10)),
      "/path/1999",
    );
  });
});

describe("encode(): the ELF file", () => {
  for (const architecture of ARCHITECTURES) {
    test(`${architecture}: three segments, code alone executable, congruent to the file`, () => {
      const { image, addresses } = encode(
        { instructions: [store(cell("c", 100_000), 1), exit(0)] },
        architecture,
      );
      const elf = readElf(image);
      assertEquals(elf.architecture, architecture);
      assertEquals(elf.entry, layout.ENTRY_ADDRESS);
      assertEquals(elf.executableStack, false);
      const modes = elf.segments.map((s) =>
        [s.readable, s.writable, s.executable].map(Number).join("")
      );
      assertEquals(modes, ["101", "100", "110"]);
      for (const segment of elf.segments) {
        assertEquals((segment.address - segment.offset) % 0x10000, 0);
        assert(segment.fileSize > 0 && segment.memorySize >= segment.fileSize);
      }
      const [, , writable] = elf.segments;
      assertEquals((writable?.offset ?? 0) + (writable?.fileSize ?? 0), image.length);
      const end = (writable?.address ?? 0) + (writable?.memorySize ?? 0);
      assert((addresses.cells.get("c") ?? Infinity) + 100_000 <= end);
      assert(addresses.slots >= (writable?.address ?? 0) + (writable?.fileSize ?? 0));
      const code = image.subarray(
        layout.CODE_OFFSET,
        layout.CODE_OFFSET + INTERPRETER_CODE[architecture].length,
      );
      assertEquals([...code], [...INTERPRETER_CODE[architecture]]);
    });
  }

  test("the code stays small", () => {
    for (const architecture of ARCHITECTURES) assert(INTERPRETER_CODE[architecture].length <= 1536);
  });

  test("the same program gives the same bytes", () => {
    const program = { instructions: [call("chdir", [text("/")]), exit(result("error.errno"))] };
    assertEquals(encode(program, "aarch64").image, encode(program, "aarch64").image);
  });

  test("numbers come from the given table", () => {
    const numberOf = (name: string) => name === "exit_group" ? 1000 : undefined;
    const { image } = encode({ instructions: [exit(0)] }, "x86_64", { numberOf });
    assertEquals(decode(image).records.map(({ number }) => number), [1000, 1000]);
    assertEquals(syscallNumber("exit_group", "aarch64"), 94);
  });
});

describe("encode() refuses", () => {
  const half = { bytes: new Uint8Array(8), patches: [] };
  const patched = (offset: number, width: 4 | 8, word: Word) => ({
    ...half,
    patches: [{ offset, width, word }],
  });
  const cases: { name: string; have: Instruction[]; want: string }[] = [
    { name: "nothing", have: [], want: "the program is empty" },
    { name: "an end that runs on", have: [set("a", 1)], want: "the last one is a add" },
    { name: "a label with nothing behind it", have: [exit(0), label("x")], want: "is a label" },
    { name: "an unknown label", have: [jump("x")], want: 'instruction 0: no label "x"' },
    {
      name: "a doubled label",
      have: [label("x"), label("x"), jump("x")],
      want: 'label "x" is taken',
    },
    { name: "a label called continue", have: [label("continue"), exit(0)], want: "is taken" },
    {
      name: "a result that nothing makes",
      have: [exit(0), exit(result("x"))],
      want: 'instruction 1: no record makes "x"',
    },
    {
      name: "a result made by hand",
      have: [set("error.errno", 1), exit(0)],
      want: "is set by the stage",
    },
    {
      name: "seven words",
      have: [call("mmap", [1, 2, 3, 4, 5, 6, 7]), exit(0)],
      want: "mmap has 7 words",
    },
    { name: "half a number", have: [exit(0.5)], want: "0.5 is no 64-bit integer" },
    { name: "an inexact number", have: [exit(2 ** 60)], want: "is no 64-bit integer" },
    { name: "NaN", have: [exit(NaN)], want: "NaN is no 64-bit integer" },
    { name: "a too large bigint", have: [exit(1n << 64n)], want: "is no 64-bit integer" },
    { name: "a too small bigint", have: [exit(-(1n << 63n) - 1n)], want: "is no 64-bit integer" },
    {
      name: "a cell of two sizes",
      have: [store(cell("c", 8), 1), store(cell("c", 9), 1), exit(0)],
      want: 'cell "c" is said to have 8 and 9 bytes',
    },
    { name: "a cell of no size", have: [store(cell("c", 0), 1), exit(0)], want: "has size 0" },
    {
      name: "a place outside a cell",
      have: [store(cell("c", 8, 9), 1), exit(0)],
      want: "no offset 9",
    },
    { name: "a too large cell", have: [store(cell("c", 2 ** 30), 1), exit(0)], want: "too large" },
    {
      name: "a patch outside",
      have: [exit(patched(4, 8, 1))],
      want: "a patch lies outside: 4…12 of 8",
    },
    { name: "a patch before", have: [exit(patched(-1, 4, 1))], want: "a patch lies outside" },
    {
      name: "a patch that does not fit",
      have: [exit(patched(0, 4, 2 ** 32))],
      want: "a patch of 4 bytes can't hold 4294967296",
    },
    {
      name: "an address in four bytes",
      have: [exit(patched(0, 4, text("x")))],
      want: "can't hold the address of bytes",
    },
    {
      name: "a cell's address in four bytes",
      have: [exit(patched(0, 4, cell("c", 8)))],
      want: 'the address of cell "c"',
    },
  ];
  for (const { name, have, want } of cases) {
    test(name, () => {
      assertThrows(() => encode({ instructions: have }, "x86_64"), StageError, want);
    });
  }

  test("a call that the architecture does not have", () => {
    const instructions = [call("mkdir", [text("/x\0"), 0]), exit(0)];
    assertThrows(() => encode({ instructions }, "aarch64"), RangeError, "mkdir");
    const numberOf = () => undefined;
    assertThrows(() => encode({ instructions }, "x86_64", { numberOf }), StageError, "mkdir");
  });
});
