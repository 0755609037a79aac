/** A launcher in front of a made-up executable: what is changed in the file, and what is refused. */
import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { addLauncher } from "../../../ffi/stage/launcher_elf.ts";
import { DATA_BASE, DATA_OFFSET } from "../../../ffi/stage/layout.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import { exit, madeUpExecutable } from "./support.ts";

const program = encode({ instructions: [exit(7)] }, "x86_64");

describe("addLauncher()", () => {
  test("appends one segment, in place of the notes, and takes the entry", () => {
    const before = madeUpExecutable();
    const after = addLauncher(before, program);
    const view = new DataView(after.buffer);
    assertEquals(view.getBigUint64(24, true), BigInt(DATA_BASE));
    // Nothing else of what was there is another.
    const same = after.slice(0, before.length);
    same.set(before.subarray(24, 32), 24);
    same.set(before.subarray(64 + 56, 64 + 112), 64 + 56);
    assertEquals(same, before);
    const header = Array.from(
      { length: 6 },
      (_, index) => Number(view.getBigUint64(64 + 56 + 8 + index * 8, true)),
    );
    const [offset = 0, address, physical, file = 0, memory, align] = header;
    assertEquals([view.getUint32(64 + 56, true), view.getUint32(64 + 60, true)], [1, 5]);
    assertEquals([offset % 4096, address, physical, align], [0, DATA_BASE, DATA_BASE, 4096]);
    assertEquals([file, memory, after.length], [program.image.length, file, offset + file]);
    // Behind the page of code the program stands where the encoder placed it.
    assertEquals(after.slice(offset + DATA_OFFSET), program.image.slice(DATA_OFFSET));
  });

  test("refuses what has no fixed addresses for x86-64, and what leaves no room", () => {
    const cases: readonly (readonly [string, (view: DataView) => void])[] = [
      ["no ELF", (view) => view.setUint8(0, 0)],
      ["position-independent", (view) => view.setUint16(16, 3, true)],
      ["for aarch64", (view) => view.setUint16(18, 183, true)],
      ["without notes", (view) => view.setUint32(64 + 56, 6, true)],
      [
        "with a segment that reaches there",
        (view) => view.setBigUint64(64 + 40, BigInt(DATA_BASE), true),
      ],
    ];
    for (const [what, change] of cases) {
      const bytes = madeUpExecutable();
      change(new DataView(bytes.buffer));
      assertThrows(() => addLauncher(bytes, program), RangeError, undefined, what);
    }
    assertThrows(() => addLauncher(new Uint8Array(10), program), RangeError);
  });
});
