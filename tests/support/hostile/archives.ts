/**
 * Archives that want something else than to be unpacked, each with what must come of it. Security cases T1–T8 and what other
 * readers got wrong; built by tables, so that a new kind of entry or path is one line.
 */
import { COMPRESSED } from "./compressed.ts";
import { FORMAT } from "./format.ts";
import { PATHS } from "./paths.ts";
import { accept, type HostileArchive, refuse } from "./expect.ts";
import { archive, entry, header, pax } from "../tar.ts";

export type { HostileArchive } from "./expect.ts";

const whiteout = (name: string): Uint8Array => archive(entry({ name: "d/f" }), entry({ name }));

/** T3: deletes outside, attributes and devices that steer overlayfs. */
const WHITEOUTS: readonly HostileArchive[] = [
  ...[".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."].map((name) =>
    refuse(`whiteout ${name}`, ["ARCHIVE_REFUSED", /a whiteout is none/], whiteout(name))
  ),
  ...["5", "2", "6"].map((type) =>
    refuse(
      `whiteout of type ${type}`,
      ["ARCHIVE_REFUSED", /a whiteout is none/],
      archive(header({ name: "d/.wh.f", type, link: "x" })),
    )
  ),
  ...["d/.wh.f/x", ".wh.d/.wh.f", ".wh.a/.wh..wh..opq"].map((name) =>
    refuse(`below a whiteout: ${name}`, ["ARCHIVE_REFUSED", /below a whiteout/], whiteout(name))
  ),
  refuse(
    "opaque that is a directory",
    ["ARCHIVE_REFUSED", /a whiteout is none/],
    archive(header({ name: "d/.wh..wh..opq", type: "5" })),
  ),
  accept("files of aufs", ["d d", "f d/f 0"], whiteout("d/.wh..wh.plnk")),
  accept("a whiteout of what the layer has", ["d d", "f d/f 0"], whiteout("d/.wh.f")),
  accept("a whiteout hides a name", ["c d/gone 0:0", "d d", "f d/f 0"], whiteout("d/.wh.gone")),
  accept("an opaque root", ["d d", "f d/f 0"], whiteout(".wh..wh..opq")),
  accept(
    "a whiteout of a name of the host",
    ["c etc/passwd 0:0", "d d", "d etc", "f d/f 0"],
    whiteout("etc/.wh.passwd"),
  ),
];

const ATTRIBUTES = [
  "trusted.overlay.opaque",
  "trusted.overlay.redirect",
  "trusted.overlay.metacopy",
  "trusted.anything",
  "user.overlay.opaque",
  "user.overlay.redirect",
  "user.overlay.origin",
  "nonsense",
  "btrfs.compression",
  `user.${"x".repeat(300)}`,
];

const LEFT_OUT = [
  "security.selinux",
  "security.ima",
  "security.evm",
  "system.posix_acl_access",
];

/** T3, T4. */
const XATTRS: readonly HostileArchive[] = [
  ...ATTRIBUTES.flatMap((name) =>
    ["0", "5", "2"].map((type) =>
      refuse(
        `attribute ${name.slice(0, 40)} of type ${type}`,
        ["ARCHIVE_REFUSED", /brings the attribute/],
        archive(
          pax({ [`SCHILY.xattr.${name}`]: "/../../.." }),
          header({ name: "f", type, link: "x" }),
        ),
      )
    )
  ),
  ...LEFT_OUT.map((name) =>
    accept(
      `attribute ${name} is left out`,
      ["f f 0"],
      archive(pax({ [`SCHILY.xattr.${name}`]: "system_u:x" }), entry({ name: "f" })),
    )
  ),
  refuse(
    "an attribute with a NUL in its name",
    ["ARCHIVE_REFUSED", /brings the attribute/],
    archive(pax({ "SCHILY.xattr.user.a\0b": "x" }), entry({ name: "f" })),
  ),
];

const device = (type: string, major: number, minor: number): Uint8Array =>
  archive(header({ name: "n", type, major, minor }));

/** T5. */
const NODES: readonly HostileArchive[] = [
  ...["3", "4"].map((type) =>
    refuse(`device 0:0 of type ${type}`, ["ARCHIVE_REFUSED", /whiteout/], device(type, 0, 0))
  ),
  ...[[4096, 1], [1, 1 << 20], [4096, 1 << 20]].map(([major = 0, minor = 0]) =>
    refuse(`device ${major}:${minor}`, ["ARCHIVE_REFUSED", /is none/], device("3", major, minor))
  ),
  refuse(
    "a device of a negative number",
    ["ARCHIVE_REFUSED", /is none/],
    archive(header({ name: "n", type: "3", patch: (block) => block.fill(0xff, 329, 337) })),
  ),
  accept("a disk", ["b n 8:0"], device("4", 8, 0)),
  accept("kernel memory", ["c n 1:2"], device("3", 1, 2)),
  accept("a FIFO", ["p n"], archive(header({ name: "n", type: "6" }))),
  accept(
    "a file of root's with all bits",
    ["f s 1 7777"],
    archive(entry({ name: "s", data: "x", mode: 0o7777 })),
  ),
  accept("more bits than there are", ["f s 0 7777"], archive(entry({ name: "s", mode: 0o77777 }))),
];

const file = (name: string): Uint8Array => entry({ name, data: name });
const link = (name: string, to: string): Uint8Array => header({ name, type: "2", link: to });
const hard = (name: string, to: string): Uint8Array => header({ name, type: "1", link: to });
const directory = (name: string): Uint8Array => header({ name, type: "5", mode: 0o755 });

/** What an archive says twice. */
const TWICE: readonly HostileArchive[] = [
  accept(
    "a file twice: the last",
    ["f a 2"],
    archive(entry({ name: "a" }), entry({ name: "a", data: "ab" })),
  ),
  accept("a link twice: the last", ["l a -> y"], archive(link("a", "x"), link("a", "y"))),
  accept("a directory twice", ["d a"], archive(directory("a"), directory("a/"))),
  accept("a directory that has children", ["d a", "f a/b 3"], archive(file("a/b"), directory("a"))),
  accept(
    "a second name is another file when the first is written again",
    ["f a 1", "f b 2"],
    archive(entry({ name: "a", data: "xx" }), hard("b", "a"), entry({ name: "a", data: "y" })),
  ),
  ...([
    ["a file over a directory", directory("a"), file("a")],
    ["a directory over a file", file("a"), directory("a")],
    ["a link over a directory", directory("a"), link("a", "/tmp")],
    ["a directory over a link", link("a", "/tmp"), directory("a")],
    ["a link over a file", file("a"), link("a", "/etc/passwd")],
    ["a file over a link", link("a", "/etc/passwd"), file("a")],
    ["a FIFO over a file", file("a"), header({ name: "a", type: "6" })],
    [
      "a device over a link",
      link("a", "/dev/sda"),
      header({ name: "a", type: "3", major: 1, minor: 3 }),
    ],
    ["a hard link over a link", join2(file("f"), link("a", "/tmp")), hard("a", "f")],
    ["a file below a file", file("a"), file("a/b")],
    ["a link for the root", link("./", "/tmp"), file("x")],
    ["a file for the root", file("x"), entry({ name: ".", data: "x" })],
    ["a hard link for the root", file("x"), hard("/", "x")],
  ] as const).map(([name, ...parts]) => refuse(name, ["ARCHIVE_REFUSED", /./], archive(...parts))),
];

function join2(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** `victim`: a directory outside, with files `canary` and `sub/canary`. */
export function hostileArchives(victim: string): readonly HostileArchive[] {
  return [
    ...PATHS(victim),
    ...WHITEOUTS,
    ...XATTRS,
    ...NODES,
    ...TWICE,
    ...FORMAT,
    ...COMPRESSED,
  ];
}
