import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Piece } from "../../../../../ffi/memory/arena.ts";
import { readTar, type TarEntry } from "../../../../../runtime/image/tar/read.ts";
import { createWindow } from "../../../../../runtime/image/tar/window.ts";
import { archive, entry, header, pax } from "../../../../support/tar.ts";

/** Memory that no kernel is given. */
function piece(size: number): Piece {
  const bytes = new Uint8Array(size);
  return { address: 0, bytes, size, view: new DataView(bytes.buffer) } as unknown as Piece;
}

/** Places in turn, each of some bytes and with a block's before it. */
function places(bytes: number, count = 3) {
  let index = 0;
  return () => {
    const at = (index++ % count) * (512 + bytes) + 512;
    const room = { at, end: at + bytes };
    // Now and then one is not free at once.
    return index % 2 === 0 ? room : Promise.resolve(room);
  };
}

/** What a sink is told, through a window of `size` bytes that is filled by `chunk` at most, where `room` says. */
async function readAll(
  bytes: Uint8Array,
  { size = 4096, chunk = 4096, room }: {
    readonly size?: number;
    readonly chunk?: number;
    readonly room?: ReturnType<typeof places>;
  } = {},
) {
  const memory = piece(size);
  const seen: { path: string; type: string; data: string; entry: TarEntry }[] = [];
  let at = 0;
  await readTar({
    window: createWindow(memory),
    source: {
      ...(room === undefined ? {} : { room }),
      read(to, start, end) {
        // What was read before is gone, but for what is not used yet.
        if (room !== undefined) to.bytes.fill(0xee, start).fill(0xee, 0, start - 512);
        const part = bytes.subarray(at, at + Math.min(end - start, chunk));
        to.bytes.set(part, start);
        at += part.length;
        return part.length;
      },
    },
  }, {
    begin: (one) => void seen.push({ path: one.path, type: one.type, data: "", entry: one }),
    data(start, end, offset) {
      const last = seen[seen.length - 1];
      if (last === undefined) throw new Error("data before an entry");
      const text = String.fromCharCode(...memory.bytes.subarray(start, end));
      last.data = last.data.padEnd(offset, "·") + text;
    },
    end() {},
  }, { entries: 1000, bytes: 1 << 30 });
  return seen;
}

const EVERYTHING = archive(
  header({ name: "./", type: "5", mode: 0o755 }),
  pax({ path: `${"d/".repeat(80)}file`, uid: "100000" }),
  entry({ name: "x", data: "0123456789".repeat(300) }),
  entry({ name: "././@LongLink", type: "K", data: `${"t".repeat(300)}\0` }),
  header({ name: "l", type: "2", link: "cut" }),
  pax({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "30", "GNU.sparse.name": "s" }),
  entry({ name: "x", data: `${"2\n5\n3\n20\n2\n".padEnd(512, "\0")}abcde` }),
  entry({ name: "last", data: "end" }),
);

describe("readTar()", () => {
  for (const chunk of [1, 7, 511, 512, 513, 4096]) {
    for (const size of [512, 600, 4096]) {
      test(`is the same by ${chunk} bytes through a window of ${size}`, async () => {
        const seen = await readAll(EVERYTHING, { size, chunk });
        assertEquals(seen.map(({ path, type, data }) => [path.slice(-6), type, data]), [
          ["", "directory", ""],
          ["d/file", "file", "0123456789".repeat(300)],
          ["l", "symlink", ""],
          ["s", "file", `${"·".repeat(5)}abc${"·".repeat(12)}de`],
          ["last", "file", "end"],
        ]);
        const [, file, link, sparse] = seen;
        assertEquals([file?.entry.uid, link?.entry.link.length], [100000, 300]);
        assertEquals([sparse?.entry.size, sparse?.entry.sparse], [30, true]);
      });
    }
  }

  for (const length of [1, 511, 513, 700, 4096]) {
    test(`is the same through places of ${length} bytes in turn`, async () => {
      const size = 3 * (512 + length);
      const seen = await readAll(EVERYTHING, { size, room: places(length) });
      assertEquals(seen, await readAll(EVERYTHING));
    });
  }

  test("an id above 65535 is not cut, whichever form says it", async () => {
    const bytes = archive(
      header({
        name: "f",
        patch: (block) => block.set([0x80, 0, 0, 0, 0, 1, 0x86, 0xa0], 108),
      }),
    );
    const [one] = await readAll(bytes);
    assertEquals(one?.entry.uid, 100000);
  });
});
