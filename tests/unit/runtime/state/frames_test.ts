// runs-under: bun, deno
/** A log that is read on while it is rotated. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { decodeFrames, openLog } from "../../../../runtime/state/frames.ts";
import { tempDir } from "../../../support/temp.ts";

function frame(text: string, seconds = 1): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  const all = new Uint8Array(32 + bytes.length);
  const view = new DataView(all.buffer);
  view.setBigUint64(0, BigInt(seconds), true);
  view.setUint32(12, 0x676f6c63, true);
  view.setUint32(16, bytes.length, true);
  view.setUint32(20, 1, true);
  all.set(bytes, 32);
  return all;
}

const NAME = "abcdefgh";

describe("a log", () => {
  test("is read on over rotations: nothing twice, nothing left out, whatever the clock does", () => {
    using directory = tempDir();
    const at = (end = "") => `${directory.path}/${NAME}${end}`;
    const append = (text: string, seconds?: number) =>
      writeFileSync(at(), frame(text, seconds), { flag: "a" });
    const rotate = () => {
      for (const [from, to] of [[".2", ".3"], [".1", ".2"], ["", ".1"]] as const) {
        try {
          renameSync(at(from), at(to));
        } catch {
          // it is not there yet
        }
      }
    };
    const log = openLog(directory.path, NAME);
    const next = () => log.next().map(({ bytes }) => new TextDecoder().decode(bytes)).join(" ");
    assertEquals(next(), "");
    append("a");
    assertEquals(next(), "a");
    append("b");
    rotate();
    append("c", 0);
    assertEquals(next(), "b c");
    rotate();
    rotate();
    append("d");
    rotate();
    assertEquals(next(), "d");
    append("e");
    assertEquals(next(), "e");
    // What was read last is gone: all that is kept is new.
    writeFileSync(at(".new"), frame("f"));
    renameSync(at(".new"), at());
    rmSync(at(".1"));
    assertEquals(next(), "c f");
  });

  test("half a frame is read when it is whole, and what is none is passed over", () => {
    const whole = frame("text");
    const half = decodeFrames(whole.subarray(0, 34));
    assertEquals([half.frames.length, half.end], [0, 0]);
    const torn = new Uint8Array([1, 2, 3, ...whole]);
    const { frames, end } = decodeFrames(torn);
    assertEquals(frames.map(({ bytes }) => new TextDecoder().decode(bytes)), ["text"]);
    assertEquals(end, torn.length);
  });
});
