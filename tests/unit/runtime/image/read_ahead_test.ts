// runs-under: bun, deno
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { truncateSync, unlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { EISDIR } from "../../../../ffi/abi/errno.ts";
import { O_CLOEXEC, O_DIRECTORY } from "../../../../ffi/abi/fcntl.ts";
import { openat } from "../../../../ffi/calls/open.ts";
import { Fd } from "../../../../ffi/linux/fd.ts";
import { callSync } from "../../../../ffi/linux/run.ts";
import { sharePiece } from "../../../../ffi/linux/shared.ts";
import { readAhead } from "../../../../runtime/image/read_ahead.ts";
import { RING_BYTES, SLOT_BYTES, SLOTS } from "../../../../runtime/image/ring.ts";
import { createWindow, fill } from "../../../../runtime/image/tar/window.ts";
import { openArchive } from "../../../../runtime/image/unpack.ts";
import { tempDir } from "../../../support/temp.ts";

const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Bytes of which no two slots are alike. */
function pattern(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0, word = 1; i < words.length; i++) words[i] = word = Math.imul(word, 48271) + i;
  return new Uint8Array(words.buffer, 0, length);
}

const unexpected = (result: number): Error => new Error(`a read failed: ${result}`);

/** Everything, through a window whose pieces are taken `step` bytes at a time: what is left of a slot is moved in front of the next. */
async function readAll(range: { fd: number; offset: number; size: number }, step: number) {
  const piece = sharePiece(RING_BYTES);
  const source = readAhead(range, piece.shared, unexpected);
  const window = createWindow(piece);
  const hash = createHash("sha256");
  let length = 0;
  try {
    while (await fill(window, source, Math.min(step, Math.max(1, range.size - length)))) {
      const end = Math.min(window.end, window.start + step);
      hash.update(piece.bytes.subarray(window.start, end));
      length += end - window.start;
      window.start = end;
    }
    return { length, used: `sha256:${hash.digest("hex")}`, digest: await source.digest() };
  } finally {
    await source.close();
  }
}

describe("readAhead()", () => {
  const lengths = [0, 1, SLOT_BYTES - 1, SLOT_BYTES, 3 * SLOT_BYTES + 700, 2 * RING_BYTES + 12_345];
  for (const length of lengths) {
    test(`a file of ${length} bytes: each is seen once, in its order, and digested`, async () => {
      using directory = tempDir();
      const bytes = pattern(length);
      using archive = openArchive(directory.write("archive", bytes));
      for (const step of [512, 1 << 20]) {
        const read = await readAll({ ...archive, size: length }, step);
        const expected = sha256(bytes);
        assertEquals(read, { length, used: expected, digest: expected });
      }
    });
  }

  test("a part of a file that nothing names any more", async () => {
    using directory = tempDir();
    const bytes = pattern(2 * SLOT_BYTES + 1000);
    const path = directory.write("archive", bytes);
    using archive = openArchive(path);
    unlinkSync(path);
    const range = { fd: archive.fd, offset: 700, size: SLOT_BYTES + 5 };
    const { used, digest } = await readAll(range, 512);
    const expected = sha256(bytes.subarray(700, 700 + SLOT_BYTES + 5));
    assertEquals([used, digest], [expected, expected]);
  });

  test("a file that has become shorter ends there", async () => {
    using directory = tempDir();
    const path = directory.write("archive", pattern(2 * SLOT_BYTES));
    using archive = openArchive(path);
    truncateSync(path, SLOT_BYTES + 3);
    const { length, digest } = await readAll({ ...archive, size: 2 * SLOT_BYTES }, 1);
    assertEquals(length, SLOT_BYTES + 3);
    assertEquals(digest, sha256(pattern(SLOT_BYTES + 3)));
  });

  test("what is used is not read over: the thread waits until it may", async () => {
    using directory = tempDir();
    const bytes = pattern((SLOTS + 2) * SLOT_BYTES);
    using archive = openArchive(directory.write("archive", bytes));
    const piece = sharePiece(RING_BYTES);
    const source = readAhead(archive, piece.shared, unexpected);
    try {
      let held: { at: number; bytes: Uint8Array } | undefined;
      for (let turn = 0; turn < SLOTS + 2; turn++) {
        const { at, end } = await source.room!();
        // Until read() says that the next one is used, the one before may still be.
        if (held !== undefined) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          assert(
            sha256(piece.bytes.slice(held.at, held.at + SLOT_BYTES)) === sha256(held.bytes),
            `slot ${turn - 1} was read over while it was used`,
          );
        }
        assertEquals(await source.read(piece, at, end), SLOT_BYTES);
        held = { at, bytes: bytes.subarray(turn * SLOT_BYTES, (turn + 1) * SLOT_BYTES) };
      }
    } finally {
      await source.close();
    }
  });

  test("a read that fails is told, with the kernel's number", async () => {
    using directory = tempDir();
    const call = openat({ pathname: directory.path, flags: O_DIRECTORY | O_CLOEXEC });
    using fd = new Fd(Number(callSync(call)));
    const piece = sharePiece(RING_BYTES);
    const source = readAhead({ fd: fd.number, offset: 0, size: 1 << 20 }, piece.shared, unexpected);
    try {
      await assertRejects(async () => await source.room!(), Error, `a read failed: ${-EISDIR}`);
    } finally {
      await source.close();
    }
  });

  test("closed at its begin, and while the thread waits", async () => {
    using directory = tempDir();
    using archive = openArchive(directory.write("archive", pattern(2 * RING_BYTES)));
    for (const wait of [0, 30]) {
      const source = readAhead(archive, sharePiece(RING_BYTES).shared, unexpected);
      await new Promise((resolve) => setTimeout(resolve, wait));
      await source.close();
    }
  });
});
