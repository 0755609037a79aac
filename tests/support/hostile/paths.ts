/** Names and links that lead elsewhere. Security cases T1, T2, T7. */
import { accept, type HostileArchive, refuse } from "./expect.ts";
import { archive, entry, header, pax } from "../tar.ts";

/** A way out by name. */
const OUT = [
  "..",
  "../x",
  "a/../x",
  "a/..",
  "./../x",
  "/../x",
  "a/b/../../../x",
  "a//..//x",
  "a/./../x",
  "../../../../../../../../etc/cron.d/x",
  "/proc/self/cwd/../x",
];

const TYPES = ["0", "1", "2", "3", "4", "5", "6"];

function oneOf(type: string, name: string): Uint8Array {
  return header({ name, type, link: "f", major: 1, minor: 3, mode: 0o755 });
}

const byName: readonly HostileArchive[] = OUT.flatMap((name) =>
  TYPES.map((type) =>
    refuse(
      `name ${name} of type ${type}`,
      ["ARCHIVE_REFUSED", /`\.\.` in its name/],
      archive(entry({ name: "f" }), oneOf(type, name)),
    )
  )
);

const long = (text: string): string => Array.from({ length: 400 }, () => text).join("/");

/** Names by a pax header, which can be anything. */
const byPax: readonly HostileArchive[] = [
  ...OUT.slice(0, 4).map((path) =>
    refuse(
      `pax path ${path}`,
      ["ARCHIVE_REFUSED", /`\.\.`/],
      archive(pax({ path }), entry({ name: "f" })),
    )
  ),
  ...OUT.slice(0, 4).map((name) =>
    refuse(
      `long name ${name}`,
      ["ARCHIVE_REFUSED", /`\.\.`/],
      archive(entry({ name: "././@LongLink", type: "L", data: `${name}\0` }), entry({ name: "f" })),
    )
  ),
  ...OUT.slice(0, 3).map((prefix) =>
    refuse(`prefix ${prefix}`, ["ARCHIVE_REFUSED", /`\.\.`/], archive(entry({ name: "f", prefix })))
  ),
  refuse(
    "a NUL in a name",
    ["ARCHIVE_REFUSED", /NUL/],
    archive(pax({ path: "a\0b" }), entry({ name: "f" })),
  ),
  refuse(
    "a name of 256 bytes",
    ["ARCHIVE_REFUSED", /255 bytes/],
    archive(pax({ path: "x".repeat(256) }), entry({ name: "f" })),
  ),
  refuse(
    "a path of more than 4095 bytes",
    ["ARCHIVE_REFUSED", /4095 bytes/],
    archive(pax({ path: long("y".repeat(11)) }), entry({ name: "f" })),
  ),
  refuse(
    "513 levels",
    ["ARCHIVE_REFUSED", /deeper than 512/],
    archive(pax({ path: Array.from({ length: 513 }, () => "z").join("/") }), entry({ name: "f" })),
  ),
  refuse(
    "a symbolic link to nothing",
    ["ARCHIVE_REFUSED", /no target/],
    archive(header({ name: "l", type: "2" })),
  ),
  refuse(
    "a symbolic link with a NUL",
    ["ARCHIVE_REFUSED", /no target/],
    archive(pax({ linkpath: "a\0b" }), header({ name: "l", type: "2", link: "x" })),
  ),
  refuse(
    "a symbolic link of 4096 bytes",
    ["ARCHIVE_REFUSED", /no target/],
    archive(pax({ linkpath: "x".repeat(4096) }), header({ name: "l", type: "2", link: "x" })),
  ),
];

const below = (victim: string, name: string): Uint8Array =>
  archive(entry({ name: `${victim}/${name}`, data: "evil" }));

function tree(path: string, last: string): readonly string[] {
  const parts = path.split("/").filter((part) => part !== "");
  const lines = parts.map((_, index) => `d ${parts.slice(0, index + 1).join("/")}`);
  return [...lines, last].sort();
}

/** Odd, and harmless: exactly these files. */
const odd = (victim: string): readonly HostileArchive[] => [
  accept(
    "an absolute name stays inside",
    tree(victim, `f ${victim.slice(1)}/canary 4`),
    below(victim, "canary"),
  ),
  accept("the root itself", [], archive(header({ name: "/", type: "5" }))),
  ...[
    "new\nline",
    "tab\there",
    "\x1b[31mred",
    "quote'\"`$(id)",
    "-rf",
    " ",
    "...",
    ".. ",
    "a:b,c=d",
    "\\x",
  ]
    .map((name) =>
      accept(`a file called ${JSON.stringify(name)}`, [`f ${name} 0`], archive(entry({ name })))
    ),
  accept(
    "64 levels",
    tree("d/".repeat(63), `f ${"d/".repeat(63)}f 0`),
    archive(pax({ path: `${"d/".repeat(63)}f` }), entry({ name: "f" })),
  ),
  accept(
    "a symbolic link with odd bytes",
    ["l l -> \x1b]0;title\x07"],
    archive(header({ name: "l", type: "2", link: "\x1b]0;title\x07" })),
  ),
];

/** Where a symbolic link may lead, and what comes below it. */
const THROUGH = (victim: string): readonly HostileArchive[] =>
  [victim, "/", "..", "../..", ".", "/proc/self/root", "/proc/self/cwd", "d"].flatMap((target) =>
    Object.entries(BELOW).map(([what, part]) =>
      refuse(
        `${what} through a link to ${target.startsWith(victim) ? "the victim" : target}`,
        ["ARCHIVE_REFUSED", /symbolic link|no directory/],
        archive(
          header({ name: "d", type: "5", mode: 0o755 }),
          entry({ name: "f" }),
          header({ name: "l", type: "2", link: target }),
          part,
        ),
      )
    )
  );

const BELOW: Readonly<Record<string, Uint8Array>> = {
  "a file": entry({ name: "l/canary", data: "evil" }),
  "a directory": header({ name: "l/new", type: "5" }),
  "a mode": header({ name: "l/sub", type: "5", mode: 0o777 }),
  "a link": header({ name: "l/canary", type: "2", link: "x" }),
  "a hard link": header({ name: "l/hard", type: "1", link: "f" }),
  "a hard link's target": header({ name: "h", type: "1", link: "l/canary" }),
  "a device": header({ name: "l/node", type: "3", major: 1, minor: 3 }),
  "a whiteout": entry({ name: "l/.wh.canary" }),
  "an opaque directory": entry({ name: "l/sub/.wh..wh..opq" }),
  "a deep file": entry({ name: "l/sub/canary", data: "evil" }),
};

const HARD = (victim: string): readonly HostileArchive[] => [
  ...["missing", `${victim}/canary`, "/etc/passwd", "etc/shadow"].map((link) =>
    refuse(
      `a hard link to ${link.startsWith(victim) ? "the victim" : link}`,
      ["ARCHIVE_REFUSED", /which the archive lacks/],
      archive(header({ name: "h", type: "1", link })),
    )
  ),
  ...["../canary", "a/../../canary", ".."].map((link) =>
    refuse(
      `a hard link to ${link}`,
      ["ARCHIVE_REFUSED", /`\.\.`/],
      archive(header({ name: "h", type: "1", link })),
    )
  ),
  refuse(
    "a hard link to itself",
    ["ARCHIVE_REFUSED", /to itself/],
    archive(header({ name: "h", type: "1", link: "./h" })),
  ),
  refuse(
    "a hard link to a directory",
    ["ARCHIVE_REFUSED", /to a directory/],
    archive(header({ name: "d", type: "5" }), header({ name: "h", type: "1", link: "d" })),
  ),
  refuse(
    "a hard link to the root",
    ["ARCHIVE_REFUSED", /lacks|directory/],
    archive(header({ name: "h", type: "1", link: "/" })),
  ),
  refuse(
    "a hard link to a whiteout",
    ["ARCHIVE_REFUSED", /lacks/],
    archive(entry({ name: ".wh.a" }), header({ name: "h", type: "1", link: "a" })),
  ),
  accept(
    "a hard link to a symbolic link is a second name of the link",
    ["l h -> VICTIM/canary", "l l -> VICTIM/canary"],
    archive(
      header({ name: "l", type: "2", link: "VICTIM/canary" }),
      header({ name: "h", type: "1", link: "l" }),
    ),
  ),
];

export const PATHS = (victim: string): readonly HostileArchive[] => [
  ...byName,
  ...byPax,
  ...odd(victim),
  ...THROUGH(victim),
  ...HARD(victim),
];
