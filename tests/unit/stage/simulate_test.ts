import { assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { decode } from "../../../ffi/stage/decode.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import * as layout from "../../../ffi/stage/layout.ts";
import {
  createMachine,
  forkMachine,
  type Kernel,
  MemoryFault,
  readSlot,
  runMachine,
  simulate,
  StepLimitError,
  writeMemory,
} from "../../../ffi/stage/simulate.ts";
import {
  add,
  call,
  cell,
  exit,
  imageOf,
  jump,
  label,
  report,
  result,
  runSimulated,
  set,
  store,
  text,
  toWords,
} from "./support.ts";

const exitOnly: Kernel = (_number, words) => ({ stop: "exit", status: Number(words[0]) });

describe("simulate()", () => {
  test("hands number and words to the kernel and the result to the slot", () => {
    const seen: unknown[] = [];
    const kernel: Kernel = (number, words) => {
      seen.push([number, ...words]);
      return number === 231 ? { stop: "exit", status: Number(words[0]) } : 42n;
    };
    const image = imageOf(
      [call("getpid", [-1, 2n ** 63n], { into: "a" }), exit(result("a"))],
      "x86_64",
    );
    assertEquals(simulate(image, { kernel }), { stop: "exit", status: 42 });
    const [least, zeros] = [-(2n ** 63n), [0n, 0n, 0n, 0n]];
    assertEquals(seen, [[39, -1n, least, ...zeros], [231, 42n, 0n, ...zeros]]);
  });

  test("an error with a target sets both slots and jumps; −4096 is none", () => {
    const instructions = [
      call("getpid", [], { into: "a", onError: "failed" }),
      exit(1),
      label("failed"),
      exit(2),
    ];
    const encoded = encode({ instructions }, "x86_64");
    for (
      const [raw, status, errno] of [[-4095n, 2, 4095n], [-1n, 2, 1n], [-4096n, 1, 0n], [
        0n,
        1,
        0n,
      ]] as const
    ) {
      const machine = createMachine(encoded.image);
      const kernel: Kernel = (number, words) =>
        number === 39 ? raw : exitOnly(number, words, machine);
      assertEquals(runMachine(machine, { kernel }).status, status);
      assertEquals(readSlot(machine, encoded.slots.get("a") ?? -1), raw);
      assertEquals(readSlot(machine, encoded.slots.get("error.errno") ?? -1), errno);
    }
  });

  test("a fork has memory and slots of its own", () => {
    const instructions = [
      set("kept", 5),
      call("clone", [], { into: "pid" }),
      store(cell("c", 8), result("pid")),
      add("kept", result("kept"), result("pid")),
      exit(result("kept")),
    ];
    const image = imageOf(instructions, "x86_64");
    const statuses: number[] = [];
    const kernel: Kernel = (number, words, machine) => {
      if (number === 231) return { stop: "exit", status: Number(words[0]) };
      statuses.push(runMachine(forkMachine(machine, 0n), { kernel }).status);
      return 100n;
    };
    statuses.push(simulate(image, { kernel }).status);
    assertEquals(statuses, [5, 105]);
  });

  test("an endless loop is found", () => {
    const image = imageOf([label("again"), jump("again")], "x86_64");
    assertThrows(
      () => simulate(image, { kernel: exitOnly, stepsMax: 50 }),
      StepLimitError,
      "50 records",
    );
  });

  test("stores into constants and loads from nowhere are faults", () => {
    const image = imageOf([store(text("abc"), 1, 1), exit(0)], "x86_64");
    assertThrows(() => simulate(image, { kernel: exitOnly }), MemoryFault, "read-only");
    const nowhere = imageOf(
      [{ kind: "load", into: "a", address: -8, width: 8 }, exit(0)],
      "x86_64",
    );
    assertThrows(() => simulate(nowhere, { kernel: exitOnly }), MemoryFault, "0xfffffffffffffff8");
  });

  test("behind a trap that did not end the process there is nothing to run", () => {
    const image = imageOf([exit(0)], "x86_64");
    assertThrows(() => simulate(image, { kernel: () => 0n }), MemoryFault, "illegal instruction");
  });

  test("a kernel can write into cells, and the program reads it", () => {
    const image = imageOf([
      call("read", [0, cell("c", 8), 8]),
      { kind: "load", into: "a", address: cell("c", 8), width: 2, signed: true },
      exit(result("a")),
    ], "x86_64");
    const kernel: Kernel = (number, words, machine) => {
      if (number === 231) return { stop: "exit", status: Number(words[0]) };
      writeMemory(machine.memory, words[1] ?? 0n, Uint8Array.of(0xfe, 0xff, 1));
      return 3n;
    };
    assertEquals(simulate(image, { kernel }).status, -2);
  });

  test("what the programs of the other tests write", () => {
    const { status, output } = runSimulated(
      imageOf([set("a", -7), ...report(["a"]), exit(9)], "aarch64"),
    );
    assertEquals([status, toWords(output)], [9, [-7n]]);
  });
});

describe("decode() refuses", () => {
  const make = () => {
    const image = imageOf([
      store(cell("c", 8), result("error.errno")),
      jump("end"),
      label("end"),
      exit(0),
    ], "x86_64");
    const view = new DataView(image.buffer);
    const records = view.getUint32(layout.DATA_OFFSET + layout.HEADER_RECORDS_ADDRESS, true);
    return { image, view, first: records - layout.DATA_BASE };
  };
  const cases: { name: string; spoil: (view: DataView, first: number) => void; want: string }[] = [
    { name: "no ELF", spoil: (view) => view.setUint8(1, 0), want: "no ELF header" },
    { name: "another machine", spoil: (view) => view.setUint16(18, 3, true), want: "machine 3" },
    {
      name: "no magic",
      spoil: (view) => view.setUint8(layout.DATA_OFFSET + layout.HEADER_MAGIC, 0),
      want: "no header",
    },
    {
      name: "more records than bytes",
      spoil: (view) => view.setUint32(layout.DATA_OFFSET + layout.HEADER_RECORD_COUNT, 9999, true),
      want: "9999 records",
    },
    {
      name: "a kind of its own",
      spoil: (view, first) => view.setUint8(first, 9),
      want: "record 0: kind 9",
    },
    {
      name: "no width",
      spoil: (view, first) => view.setUint8(first + 1, 3),
      want: "record 0: width 3",
    },
    {
      name: "seven words",
      spoil: (view, first) => view.setUint8(first + 2, 64),
      want: "references 64",
    },
    {
      name: "a slot too many",
      spoil: (view, first) => view.setUint8(first + 32, 99),
      want: "word 2 refers to slot 99",
    },
    {
      name: "a target too far",
      spoil: (view, first) => view.setUint8(first + 64 + 8, 99),
      want: "record 1: target 99",
    },
    {
      name: "a destination too far",
      spoil: (view, first) => view.setUint8(first + 128 + 4, 99),
      want: "record 2: destination 99",
    },
  ];
  for (const { name, spoil, want } of cases) {
    test(name, () => {
      const { image, view, first } = make();
      decode(image);
      spoil(view, first);
      assertThrows(() => decode(image), RangeError, want);
    });
  }

  test("bytes that are too few", () => {
    assertThrows(() => decode(new Uint8Array(100)), RangeError, "no ELF header");
  });
});
