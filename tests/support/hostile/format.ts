/** Headers that lie, and ends that are none. Security case T6. */
import { accept, type HostileArchive, refuse } from "./expect.ts";
import {
  archive,
  END,
  entry,
  type EntryParts,
  header,
  join,
  latin1,
  padded,
  pax,
  paxRecord,
} from "../tar.ts";

const damaged = (name: string, bytes: Uint8Array, message = /./): HostileArchive =>
  refuse(name, ["ARCHIVE_DAMAGED", message], bytes);

/** `f` with a field overwritten before its checksum is made. */
const field = (offset: number, bytes: readonly number[], more: Partial<EntryParts> = {}) =>
  archive(header({ name: "f", ...more, patch: (block) => block.set(bytes, offset) }));

const text = (words: string): readonly number[] => [...latin1(words)];
const base256 = (first: number, rest: number, length: number): readonly number[] => [
  first,
  ...Array.from({ length: length - 1 }, () => rest),
];

const FIELDS = { mode: [100, 8], uid: [108, 8], gid: [116, 8], size: [124, 12], mtime: [136, 12] };

const NUMBERS: readonly HostileArchive[] = Object.entries(FIELDS).flatMap((
  [name, [offset = 0, length = 0]],
) => [
  damaged(`${name} of digits that are none`, field(offset, text("12x45\0")), /no number/),
  damaged(`${name} with a minus`, field(offset, text("-0000001".slice(0, 8))), /no number/),
  damaged(`${name} of 8 and 9`, field(offset, text("0000089\0")), /no number/),
  damaged(
    `${name} of a first byte that is no form`,
    field(offset, base256(0x81, 0, length)),
    /too large/,
  ),
  ...(length === 12
    ? [damaged(`${name} beyond 2^53`, field(offset, base256(0x80, 0x7f, length)), /too large/)]
    : []),
]);

const LIES: readonly HostileArchive[] = [
  ...NUMBERS,
  damaged("a negative size", field(124, base256(0xff, 0xff, 12)), /negative/),
  refuse("a negative owner", ["ARCHIVE_REFUSED", /no id/], field(108, base256(0xff, 0xff, 8))),
  refuse(
    "an owner of 2^32 - 1",
    ["ARCHIVE_REFUSED", /no id/],
    field(108, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
  ),
  refuse(
    "an owner beyond 2^32",
    ["ARCHIVE_REFUSED", /no id/],
    field(116, [0x80, 0, 0, 1, 0, 0, 0, 0]),
  ),
  refuse(
    "a size of 8 GiB and no data",
    ["ARCHIVE_TOO_LARGE", /bytes/],
    field(124, text("77777777777\0")),
  ),
  damaged(
    "a size that hides the next entry",
    archive(entry({ name: "a", size: 1025 }), entry({ name: "b" })),
    /./,
  ),
  damaged(
    "a wrong checksum",
    archive(header({ name: "f", spoil: (block) => block.fill(0x31, 148, 154) })),
    /checksum/,
  ),
  damaged(
    "a changed name",
    archive(header({ name: "f", spoil: (block) => block.set([0x67]) })),
    /checksum/,
  ),
  damaged(
    "no checksum",
    archive(header({ name: "f", spoil: (block) => block.fill(0, 148, 156) })),
    /checksum/,
  ),
  ...["5", "2", "6"].map((type) =>
    damaged(
      `data behind a header of type ${type}`,
      archive(header({ name: "f", type, link: "x", size: 512 }), new Uint8Array(512)),
      /has data/,
    )
  ),
  damaged(
    "data behind a hard link",
    archive(
      entry({ name: "a" }),
      header({ name: "f", type: "1", link: "a", size: 3 }),
      padded(latin1("abc")),
    ),
    /has data/,
  ),
  ...["A", "D", "M", "N", "X", "8", "9", "?", "\xff", " "].map((type) =>
    refuse(
      `type ${JSON.stringify(type)}`,
      ["ARCHIVE_REFUSED", /no meaning/],
      archive(entry({ name: "f", type })),
    )
  ),
  accept("a contiguous file", ["f f 1"], archive(entry({ name: "f", type: "7", data: "x" }))),
  accept(
    "an old header without magic",
    ["f f 1"],
    archive(entry({ name: "f", magic: "", data: "x" })),
  ),
  accept("an old directory", ["d f"], archive(entry({ name: "f/", magic: "", type: "\0" }))),
];

const one = (records: string, then = entry({ name: "f" })): Uint8Array =>
  archive(pax(records), then);

const EXTENDED: readonly HostileArchive[] = [
  ...[
    "5\n",
    "x path=a\n",
    "+9 path=a\n",
    "0x9 path=a\n",
    "-9 path=a\n",
    "8 path=a\n",
    "99 path=a\n",
    "9999999999999999999 path=a\n",
    "9 path=a ",
    "8 patha\n",
    "5 =a\n",
  ].map((records) =>
    damaged(`pax record ${JSON.stringify(records)}`, one(records), /extended header/)
  ),
  ...["-1", "1e3", "0x10", " 1", "1.5", "99999999999999999999", "9007199254740993", "", "１"]
    .filter((size) => size !== "")
    .map((size) => damaged(`pax size ${size}`, one(paxRecord("size", size)), /no number|ends/)),
  ...["uid", "gid"].map((key) =>
    refuse(`pax ${key} of 2^32`, ["ARCHIVE_REFUSED", /no id/], one(paxRecord(key, "4294967296")))
  ),
  ...["now", "1e9", "--1", "1,5", "9".repeat(20)].map((mtime) =>
    damaged(`pax mtime ${mtime}`, one(paxRecord("mtime", mtime)), /no time/)
  ),
  refuse(
    "pax size of 2^50 and no data",
    ["ARCHIVE_TOO_LARGE", /bytes/],
    one(paxRecord("size", `${2 ** 50}`)),
  ),
  damaged(
    "pax size of a directory",
    one(paxRecord("size", "5"), header({ name: "f", type: "5" })),
    /has data/,
  ),
  damaged(
    "two pax headers",
    archive(pax({ path: "a" }), pax({ path: "b" }), entry({ name: "f" })),
    /two kinds/,
  ),
  damaged(
    "a pax header and a long name",
    archive(pax({ path: "a" }), entry({ name: "L", type: "L", data: "b\0" }), entry({ name: "f" })),
    /two kinds/,
  ),
  damaged(
    "a long name and a pax header",
    archive(entry({ name: "L", type: "L", data: "b\0" }), pax({ path: "a" }), entry({ name: "f" })),
    /two kinds/,
  ),
  ...["L", "K"].map((type) =>
    damaged(
      `two headers of type ${type}`,
      archive(
        entry({ name: "L", type, data: "a\0" }),
        entry({ name: "L", type, data: "b\0" }),
        entry({ name: "f" }),
      ),
      /two long names/,
    )
  ),
  ...["L", "K", "x", "g", "V"].map((type) =>
    damaged(
      `a header of type ${type} of 1 GiB`,
      archive(header({ name: "L", type, size: 1 << 30 }), entry({ name: "f" })),
      /longer than 1 MiB/,
    )
  ),
  damaged(
    "a pax header of more than 1 MiB that is there",
    archive(pax(paxRecord("comment", "x".repeat(1 << 20))), entry({ name: "f" })),
    /longer than 1 MiB/,
  ),
  ...["x", "L", "K"].map((type) =>
    damaged(
      `a header of type ${type} before nothing`,
      archive(entry({ name: "L", type, data: type === "x" ? paxRecord("path", "a") : "a\0" })),
      /before nothing/,
    )
  ),
  ...["path", "size", "uid", "linkpath", "SCHILY.xattr.user.x", "GNU.sparse.major"].map((key) =>
    damaged(
      `a global ${key}`,
      archive(pax({ [key]: "1" }, "g"), entry({ name: "f" })),
      /global header/,
    )
  ),
  accept("a global comment", ["f f 0"], archive(pax({ comment: "x" }, "g"), entry({ name: "f" }))),
  accept(
    "a pax path that takes itself back",
    ["f f 0"],
    one(paxRecord("path", "a") + paxRecord("path", "")),
  ),
  accept(
    "the last of two pax paths",
    ["f b 0"],
    one(paxRecord("path", "a") + paxRecord("path", "b")),
  ),
];

const sparse = (records: Readonly<Record<string, string>>, data = "abc"): Uint8Array =>
  archive(pax({ "GNU.sparse.name": "s", ...records }), entry({ name: "f", data }));
const map01 = (map: string, size = "100"): Uint8Array =>
  sparse({ "GNU.sparse.size": size, "GNU.sparse.map": map });
const map10 = (map: string, size = "100"): Uint8Array =>
  sparse({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": size }, map);
const blockOf = (words: string, data = ""): string => words.padEnd(512, "\0") + data;

/** CVE-2025-58183 and their like. */
const SPARSE: readonly HostileArchive[] = [
  accept("a sparse file", ["f s 100"], map01("10,3")),
  accept("a hole of a TiB", [`f s ${2 ** 40}`], map01("10,3", `${2 ** 40}`)),
  damaged("a hole of more", map01("10,3", `${2 ** 40 + 1}`), /as long/),
  damaged("pieces that overlap", map01("10,2,11,1"), /overlap/),
  damaged("pieces out of order", map01("50,1,10,2"), /overlap/),
  damaged("a piece behind the end", map01("98,3"), /as long/),
  damaged("less data than the map", map01("10,30"), /more or less/),
  damaged("more data than the map", map01("10,1"), /more or less/),
  damaged("a map of an odd length", map01("10,3,20"), /odd/),
  damaged("a map of words", map01("ten,3"), /no number/),
  damaged("a map beyond 2^53", map01("99999999999999999,3"), /no number/),
  damaged("an empty map with data", map01("0,0"), /more or less/),
  damaged("no size", sparse({ "GNU.sparse.map": "0,3" }), /no size/),
  damaged("map 1.0 without an end", map10(blockOf("5\n1\n")), /no end/),
  damaged("map 1.0 that is no number", map10(blockOf("x\n")), /no end/),
  damaged("map 1.0 of ten million pieces", map10(blockOf("10000000\n")), /no end/),
  damaged("map 1.0 longer than the file", map10("1\n"), /no end/),
  damaged("map 1.0 of negative pieces", map10(blockOf("1\n-5\n3\n", "abc")), /no number/),
  accept("map 1.0", ["f s 100"], map10(blockOf("1\n10\n3\n", "abc"))),
  damaged(
    "a sparse directory",
    archive(
      pax({ "GNU.sparse.size": "0", "GNU.sparse.map": "" }),
      header({ name: "f", type: "5" }),
    ),
  ),
  damaged(
    "two maps",
    archive(
      pax({ "GNU.sparse.size": "3", "GNU.sparse.map": "0,3" }),
      entry({ name: "f", type: "S", data: "abc" }),
    ),
    /two maps/,
  ),
  damaged(
    "an old map that goes on in nothing",
    join(header({ name: "f", type: "S", patch: (block) => void (block[482] = 1) })),
    /ends before/,
  ),
  damaged(
    "an old map of negative pieces",
    archive(header({ name: "f", type: "S", patch: (block) => block.fill(0xff, 386, 410) })),
    /./,
  ),
];

const good = entry({ name: "f", data: "abc" });

const ENDS: readonly HostileArchive[] = [
  damaged("nothing at all", new Uint8Array(0), /ends before a header/),
  damaged("one byte", new Uint8Array(1), /ends before a header/),
  damaged("half a header", good.subarray(0, 256), /ends before a header/),
  damaged("a header alone", good.subarray(0, 512), /ends before/),
  damaged("half of the data", good.subarray(0, 514), /ends before/),
  damaged("no padding", good.subarray(0, 515), /ends before/),
  damaged("no end mark", good, /ends before/),
  damaged("half an end mark", join(good, new Uint8Array(512)), /ends before its end mark/),
  damaged("a block of zeros between", join(good, new Uint8Array(512), good, END), /zeros/),
  damaged("an archive behind the end", join(good, END, good, END), /follows its end/),
  damaged("a byte behind the end", join(good, END, latin1("x")), /follows its end/),
  damaged("zeros that are no whole block", join(good, END, new Uint8Array(100)), /not whole/),
  damaged("text", latin1("<html>not found</html>".padEnd(1024)), /checksum|no number/),
  accept("zeros behind the end", ["f f 3"], join(good, END, new Uint8Array(512 * 18))),
  accept("no entries", [], END),
];

const LIMITS: readonly HostileArchive[] = [
  {
    name: "more entries than there may be",
    bytes: archive(...Array.from({ length: 101 }, (_, index) => entry({ name: `f${index}` }))),
    limits: { entries: 100, bytes: 1 << 30 },
    expect: { code: "ARCHIVE_TOO_LARGE", message: /more than 100 entries/ },
  },
  {
    name: "many small files take room too",
    bytes: archive(...Array.from({ length: 50 }, (_, index) => entry({ name: `f${index}` }))),
    limits: { entries: 100, bytes: 100_000 },
    expect: { code: "ARCHIVE_TOO_LARGE", message: /bytes unpacked/ },
  },
];

export const FORMAT: readonly HostileArchive[] = [
  ...LIES,
  ...EXTENDED,
  ...SPARSE,
  ...ENDS,
  ...LIMITS,
];
