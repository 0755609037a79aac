// runs-under: bun, deno
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { createDigester } from "../../../../runtime/image/digester.ts";

const MIB = 1 << 20;
/** What is digested by a thread of its own, and what is not. */
const SIZES = { long: 64 * MIB, short: 100 };

describe("createDigester()", () => {
  for (const [name, size] of Object.entries(SIZES)) {
    test(`${name}: pieces of every size, one after the other, digest as all at once`, async () => {
      const digester = createDigester(size);
      const expected = createHash("sha256");
      // The memory of a piece is used again at once, as a window's is.
      const memory = new Uint8Array(9 * MIB);
      try {
        for (const [index, length] of [1, 0, 4 * MIB, 4 * MIB + 1, 9 * MIB, 63, MIB].entries()) {
          const piece = memory.subarray(0, length).fill(index + 1);
          expected.update(piece);
          await digester.update(piece);
          memory.fill(0xff);
        }
        assertEquals(await digester.digest(), `sha256:${expected.digest("hex")}`);
      } finally {
        await digester.close();
      }
    });

    test(`${name}: of nothing`, async () => {
      const digester = createDigester(size);
      assertEquals(await digester.digest(), `sha256:${createHash("sha256").digest("hex")}`);
      await digester.close();
    });

    test(`${name}: closed while there is work to do, it keeps nothing alive`, async () => {
      const digester = createDigester(size);
      digester.update(new Uint8Array(4 * MIB));
      await digester.close();
    });
  }
});
