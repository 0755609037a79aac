// runs-under: bun, deno
/** A log that is read on while it is rotated. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { UTIME_OMIT } from "../../../../ffi/abi/stat.ts";
import { utimensat } from "../../../../ffi/calls/stat.ts";
import { check } from "../../../../ffi/linux/run.ts";
import { LOST_NANOSECONDS } from "../../../../runtime/plan/keeper/protocol.ts";
import { decodeFrames, keptLog, openLog } from "../../../../runtime/state/frames.ts";
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

  test("what was lost behind its last frame is said once, by it or by the frame that comes then", () => {
    using directory = tempDir();
    const path = `${directory.path}/${NAME}`;
    const append = (text: string, lost = 0): void => {
      const bytes = frame(text);
      new DataView(bytes.buffer).setBigUint64(24, BigInt(lost), true);
      writeFileSync(path, bytes, { flag: "a" });
    };
    const lose = (bytes: number): void => {
      const atime = { sec: 0, nsec: UTIME_OMIT };
      const mtime = { sec: bytes, nsec: LOST_NANOSECONDS };
      check(utimensat({ pathname: path, atime, mtime }));
    };
    const log = openLog(directory.path, NAME);
    const next = (of = log) =>
      of.next().map(({ bytes, lostBytes }) => `${new TextDecoder().decode(bytes)}${lostBytes}`);
    assertEquals(keptLog(path), { sizeBytes: 0, lostBytes: 0 });
    append("a");
    lose(7);
    assertEquals(next(), ["a0", "7"]);
    assertEquals(next(), []);
    assertEquals(keptLog(path), { sizeBytes: 33, lostBytes: 7 });
    lose(9);
    assertEquals(next(), ["2"]);
    append("b", 12);
    assertEquals(next(), ["b3"]);
    assertEquals(next(openLog(directory.path, NAME)), ["a0", "b12"]);
    renameSync(path, `${path}.1`);
    assertEquals(keptLog(path), { sizeBytes: 0, lostBytes: 0 });
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
