import { describe, test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Arena } from "../../../../ffi/memory/arena.ts";

/** Memory of JavaScript that plays the machine's, at addresses of our choice. */
function fakeMachine() {
  const mapped = new Map<number, ArrayBuffer>();
  let next = 0x10000;
  return {
    mapped,
    map(length: number): number {
      const address = next;
      next += length + 0x10000;
      mapped.set(address, new ArrayBuffer(length));
      return address;
    },
    unmap(address: number, length: number): void {
      assertEquals(mapped.get(address)?.byteLength, length);
      mapped.delete(address);
    },
    view(address: number, length: number): ArrayBuffer {
      const buffer = mapped.get(address);
      assert(buffer !== undefined && buffer.byteLength === length);
      return buffer;
    },
  };
}

describe("Arena", () => {
  test("maps nothing before the first piece", () => {
    const machine = fakeMachine();
    const arena = new Arena(machine);
    assertEquals(machine.mapped.size, 0);
    arena.allocate(1);
    assertEquals(arena.mappedBytes, 65536);
  });

  test("pieces do not overlap and are aligned", () => {
    const arena = new Arena(fakeMachine());
    const pieces = Array.from({ length: 500 }, (_, index) => ({
      align: 1 << (index % 6),
      piece: arena.allocate(index % 37, 1 << (index % 6)),
    }));
    let end = 0;
    for (const { align, piece } of pieces) {
      assertEquals(piece.address % align, 0);
      assert(piece.address >= end);
      end = piece.address + piece.size;
    }
  });

  test("a piece's bytes and view are the memory at its address", () => {
    const machine = fakeMachine();
    const arena = new Arena(machine);
    arena.allocate(100);
    const piece = arena.place(new Uint8Array([1, 2, 3, 4]), 16);
    const [start, memory] = [...machine.mapped][0] ?? [0, new ArrayBuffer(0)];
    assertEquals(new Uint8Array(memory, piece.address - start, 4), new Uint8Array([1, 2, 3, 4]));
    assertEquals(piece.view.getUint32(0, true), 0x04030201);
    piece.view.setUint16(0, 0xffff, true);
    assertEquals(piece.bytes[1], 255);
  });

  test("grows by chunks and gives a large piece a chunk of its own", () => {
    const arena = new Arena(fakeMachine());
    arena.allocate(60_000);
    arena.allocate(60_000);
    assertEquals(arena.mappedBytes, 2 * 65536);
    const large = arena.allocate(200_000);
    assertEquals(large.bytes.length, 200_000);
    assertEquals(arena.mappedBytes, 2 * 65536 + 4 * 65536);
  });

  test("reset() gives the same memory again, zeroed", () => {
    const arena = new Arena(fakeMachine());
    const first = arena.place(new Uint8Array(100).fill(7));
    arena.place(new Uint8Array(70_000).fill(9));
    const before = arena.mappedBytes;
    arena.reset();
    const again = arena.allocate(100);
    assertEquals(again.address, first.address);
    assertEquals(again.bytes, new Uint8Array(100));
    assertEquals(arena.allocate(70_000).bytes.every((byte) => byte === 0), true);
    assertEquals(arena.mappedBytes, before);
  });

  test("dispose unmaps every chunk", () => {
    const machine = fakeMachine();
    {
      using arena = new Arena(machine);
      arena.allocate(10);
      arena.allocate(100_000);
      assertEquals(machine.mapped.size, 2);
    }
    assertEquals(machine.mapped.size, 0);
  });

  test("refuses sizes that are none", () => {
    const arena = new Arena(fakeMachine());
    for (const size of [-1, 1.5, NaN, Infinity, 2 ** 60]) {
      assertThrows(() => arena.allocate(size), RangeError);
    }
  });
});
