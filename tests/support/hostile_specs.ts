/**
 * Specs that mean harm, or that two readers would read differently: each must be refused with a place, quickly and in little
 * memory. One list, used by the tests of `spec/` and of the command line.
 */

export interface HostileSpec {
  readonly name: string;
  /** Made when asked for: some are large. */
  readonly bytes: () => Uint8Array;
}

const encoder = new TextEncoder();

function text(name: string, make: string | (() => string)): HostileSpec {
  return { name, bytes: () => encoder.encode(typeof make === "string" ? make : make()) };
}

function raw(name: string, bytes: readonly number[]): HostileSpec {
  return { name, bytes: () => Uint8Array.from(bytes) };
}

const GOOD = 'commands: ["true"]\n';
const MIB = 1024 * 1024;

/** Repeats `unit` up to just below the size limit. */
function fill(unit: string, bytes = MIB - 1024): string {
  return unit.repeat(Math.floor(bytes / unit.length));
}

function numbered(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("");
}

function laughs(levels: number, width: number, form: "flow" | "block"): string {
  let out = 'x-0: &a0 "ha"\n';
  for (let level = 1; level <= levels; level++) {
    const alias = `*a${level - 1}`;
    out += form === "flow"
      ? `x-${level}: &a${level} [${Array(width).fill(alias).join(", ")}]\n`
      : `x-${level}: &a${level}\n${`  - ${alias}\n`.repeat(width)}`;
  }
  return out + GOOD;
}

function nested(
  depth: number,
  form: "flow list" | "flow map" | "block list" | "block map",
): string {
  if (form === "flow list") return `x-a: ${"[".repeat(depth)}${"]".repeat(depth)}\n${GOOD}`;
  if (form === "flow map") return `x-a: ${"{a: ".repeat(depth)}1${"}".repeat(depth)}\n${GOOD}`;
  if (form === "block list") return `x-a:\n ${"- ".repeat(depth)}1\n${GOOD}`;
  return `${GOOD}x-a:\n${numbered(depth, (level) => `${" ".repeat(level + 1)}a:\n`)}`;
}

const ALIASES: readonly HostileSpec[] = [
  text("billion laughs, 9 × 9, flow", () => laughs(9, 9, "flow")),
  text("billion laughs, 9 × 9, block", () => laughs(9, 9, "block")),
  text("billion laughs, 30 × 2", () => laughs(30, 2, "flow")),
  text("billion laughs, 60 × 2", () => laughs(60, 2, "block")),
  text("an alias inside what it names, list", `x-a: &a [*a]\n${GOOD}`),
  text("an alias inside what it names, map", `x-a: &a {b: *a}\n${GOOD}`),
  text("an alias circle over two", `x-a: &a {b: &b [*a]}\n${GOOD}`),
  text("a root that holds itself", `&a\nx-a: *a\n${GOOD}`),
  text("an alias without an anchor", `x-a: *nowhere\n${GOOD}`),
  text("an alias before its anchor", `x-a: *later\nx-b: &later 1\n${GOOD}`),
  text("an alias as a key", `x-a: &a b\n*a : 1\n${GOOD}`),
  text("10^5 aliases to one scalar", () => `x-a: &a 1\nx-b: [${fill("*a, ", 400_000)}]\n${GOOD}`),
  text("1,001 aliases", () => `x-a: &a 1\nx-b: [${"*a, ".repeat(1001)}]\n${GOOD}`),
  text(
    "aliases that multiply depth",
    () =>
      `x-0: &a0 ${"[".repeat(40)}${"]".repeat(40)}\nx-1: ${"[".repeat(40)}*a0${
        "]".repeat(40)
      }\n${GOOD}`,
  ),
  text("10^5 anchors", () => numbered(60_000, (i) => `x-${i}: &a${i} 1\n`) + GOOD),
  text("merge key", `x-a: &a {user: 1}\n<<: *a\n${GOOD}`),
  text("merge key in a map", `environment: {<<: {A: b}}\n${GOOD}`),
  text("merge key with a list", `x-a: &a {}\n<<: [*a, *a]\n${GOOD}`),
  text(
    "merge quadratics 1,000 × 1,000",
    () =>
      `x-a: &a {${numbered(1000, (i) => `k${i}: 1, `)}}\n` +
      numbered(1000, (i) => `x-${i}: {<<: *a}\n`) + GOOD,
  ),
  text("merge of many empty maps", () => `x-a: &a {}\n<<: [${"*a, ".repeat(900)}]\n${GOOD}`),
];

const DEPTHS: readonly HostileSpec[] = [65, 2_000, 100_000].flatMap((depth) =>
  (["flow list", "flow map", "block list"] as const).map((form) =>
    text(`depth ${depth}, ${form}`, () => nested(depth, form))
  )
).concat([
  text("depth 65, block map", () => nested(65, "block map")),
  text("depth 1,000, block map", () => nested(1_000, "block map")),
  text("10^6 open lists", () => "[".repeat(1_000_000)),
  text("10^6 open maps", () => "{".repeat(1_000_000)),
  text("10^6 closing brackets", () => "]".repeat(1_000_000)),
  text("explicit keys, nested", () => "? ".repeat(100_000) + "a\n"),
  text("lists in one line", () => "- ".repeat(500_000)),
  text("a map as a key, nested", () => `x-a: ${"{[".repeat(30)}${"]: 1}".repeat(30)}\n${GOOD}`),
]);

const SIZES: readonly HostileSpec[] = [
  text("one byte above the limit", () => GOOD + "#".repeat(MIB + 1 - GOOD.length)),
  text("100 MB", () => "a".repeat(100_000_000)),
  text("3 MB of 3-byte characters", () => "€".repeat(MIB)),
  text("10^5 keys", () => numbered(90_000, (i) => `x-${i}: 1\n`) + GOOD),
  text("10^5 unknown keys", () => numbered(90_000, (i) => `k${i}: 1\n`)),
  text("19,000 unknown keys in one line", () => `{${numbered(9_500, (i) => `k${i}: 1, `)}}`),
  text("9,000 equal keys", () => "a: 1\n".repeat(9_000)),
  text("9,000 equal keys in one line", () => `{${"a: 1, ".repeat(9_000)}}`),
  text("a key of 2 KB", () => `${"k".repeat(2_048)}: 1\n${GOOD}`),
  text("a quoted key of 1 MB", () => `"${"k".repeat(1_000_000)}": 1\n`),
  text("a plain key of 1 MB", () => `${"k".repeat(1_000_000)}: 1\n`),
  text("a plain word of 1 MB", () => "w".repeat(1_000_000)),
  text("10^6 blanks before a key", () => `a:\n${" ".repeat(1_000_000)}b: 1\n`),
  text("10^6 empty lines", () => "\n".repeat(1_000_000)),
  text("10^6 comments", () => fill("#\n")),
  text("10^5 comments and no value", () => fill("# c\n", 400_000)),
  text("10^6 commas", () => `[${",".repeat(1_000_000)}]`),
  text("10^6 colons", () => ":".repeat(1_000_000)),
  text("10^5 colons and blanks", () => fill(": ", 400_000)),
  text("10^5 list items", () => `commands:\n${fill("- a\n", 600_000)}`),
  text("10^5 empty list items", () => fill("-\n", 600_000)),
  text("10^6 quotes", () => '"'.repeat(1_000_000)),
  text("10^6 single quotes", () => "'".repeat(1_000_001)),
  text("10^6 ampersands", () => "&".repeat(1_000_000)),
  text("10^6 exclamation marks", () => "!".repeat(1_000_000)),
  text("10^6 percent signs", () => "%".repeat(1_000_000)),
  text("10^5 directives", () => fill("%A b\n", 500_000)),
  text("10^5 documents", () => fill("---\n", 500_000)),
  text("10^5 document ends", () => fill("...\n", 500_000)),
  text("a long escape string that never ends", () => `a: "${fill("\\n")}`),
  text("a long flow list that never ends", () => `a: [${fill("1, ", 300_000)}`),
  text("a block scalar with wild indentation", () => `a: |\n${fill(" \n  \n   \n", 300_000)}\tb\n`),
  text(
    "a folded scalar without end and no commands",
    () => `x-a: >\n${fill("  word\n\n", 900_000)}`,
  ),
  text("10^5 wrong types", () => `commands: [${fill("1, ", 60_000)}]\n`),
  text(
    "10^4 wrong environment values",
    () => `environment: {${numbered(9_000, (i) => `A${i}: 1, `)}}\n`,
  ),
];

/** Each way in which bytes are not UTF-8 (Unicode 16, table 3-7 and what surrounds it). */
const ILLEGAL: readonly (readonly number[])[] = [
  [0x80],
  [0xbf],
  [0x80, 0xbf],
  [0xc0, 0x80],
  [0xc0, 0xaf],
  [0xc1, 0xbf],
  [0xc2],
  [0xc2, 0x20],
  [0xc2, 0xc2],
  [0xdf],
  [0xdf, 0x7f],
  [0xe0, 0x80, 0x80],
  [0xe0, 0x9f, 0xbf],
  [0xe0, 0xa0],
  [0xe1, 0x80],
  [0xe1, 0x80, 0x20],
  [0xed, 0xa0, 0x80],
  [0xed, 0xad, 0xbf],
  [0xed, 0xae, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xef, 0xbf],
  [0xf0, 0x80, 0x80, 0x80],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x90, 0x80],
  [0xf0, 0x90, 0x80, 0x20],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xf7, 0xbf, 0xbf, 0xbf],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
  [0xfe],
  [0xff],
  [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
];

const ENCODINGS: readonly HostileSpec[] = [
  ...ILLEGAL.map((bytes) => {
    const hex = bytes.map((byte) => byte.toString(16)).join(" ");
    return raw(`invalid UTF-8: ${hex}`, [...encoder.encode(`${GOOD}x-a: "`), ...bytes, 0x22, 0x0a]);
  }),
  raw("invalid UTF-8 at the end", [...encoder.encode(GOOD), 0xe2, 0x82]),
  raw("UTF-16 little endian", [0xff, 0xfe, 0x61, 0, 0x3a, 0, 0x20, 0, 0x31, 0]),
  raw("UTF-16 big endian", [0xfe, 0xff, 0, 0x61, 0, 0x3a, 0, 0x20, 0, 0x31]),
  raw("UTF-16 without a mark", [0x61, 0, 0x3a, 0, 0x20, 0, 0x31, 0]),
  raw("UTF-32 little endian", [0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]),
  raw("UTF-32 big endian", [0, 0, 0xfe, 0xff, 0, 0, 0, 0x61]),
  text("a byte order mark in the middle", `${GOOD}\ufeffx-a: 1\n`),
  text("two byte order marks", `\ufeff\ufeff${GOOD}`),
  text("a byte order mark in a value", `${GOOD}x-a: "b\ufeffc"\n`),
  text("NUL", `${GOOD}x-a: \0\n`),
  text("NUL in a comment", `${GOOD}# \0\n`),
  text("NUL at the end", `${GOOD}\0`),
  text("only NUL", "\0".repeat(1000)),
  text("CR only", GOOD.replaceAll("\n", "\r") + "x-a: 1\r"),
  text("CR in the middle", `${GOOD}x-a: b\rc\n`),
  text("escape character", `${GOOD}x-a: \x1b[2J\n`),
  text("backspace", `${GOOD}x-a: b\x08c\n`),
  text("DEL", `${GOOD}x-a: \x7f\n`),
  text("C1 control", `${GOOD}x-a: \x9b31m\n`),
  text("vertical tab", `${GOOD}x-a:\x0b1\n`),
  text("form feed", `${GOOD}\x0cx-a: 1\n`),
  text("U+FFFE", `${GOOD}x-a: \ufffe\n`),
  text("U+FFFF", `${GOOD}x-a: \uffff\n`),
];

const ESCAPES: readonly HostileSpec[] = [
  '"\\0"',
  '"a\\x00b"',
  '"\\u0000"',
  '"\\U00000000"',
  '"\\ud800"',
  '"\\udfff"',
  '"\\ud800x"',
  '"\\udc00\\ud800"',
  '"\\U00110000"',
  '"\\UFFFFFFFF"',
  '"\\q"',
  '"\\x1"',
  '"\\u12"',
  '"\\',
].map((value) => text(`escape ${value}`, `${GOOD}x-a: ${value}\n`));

const NUL_AT: readonly HostileSpec[] = [
  'commands: ["a\\0b"]',
  'commands: [["a", "\\0"]]',
  'name: "a\\0"\ncommands: [a]',
  'hostname: "a\\0"\ncommands: [a]',
  'workdir: "/a\\0"\ncommands: [a]',
  'user: "root\\0"\ncommands: [a]',
  'environment: {A: "b\\0"}\ncommands: [a]',
  'environment: {"A\\0": b}\ncommands: [a]',
  'labels: {a: "\\0"}\ncommands: [a]',
  'rootfs: {path: "/a\\0"}\ncommands: [a]',
  'rootfs: {layers: [{dir: "a\\0"}]}\ncommands: [a]',
  'stop: {signal: "SIGTERM\\0"}\ncommands: [a]',
  '"x-\\0": 1\ncommands: [a]',
].map((spec) => text(`NUL in ${spec.split(":")[0]}: ${JSON.stringify(spec).slice(0, 40)}`, spec));

const LANGUAGE_KEYS: readonly HostileSpec[] = ["__proto__", "constructor", "prototype"].flatMap(
  (key) => [
    text(`the key ${key}`, `${key}: {privileged: true}\n${GOOD}`),
    text(`the key ${key}, quoted`, `"${key}": 1\n${GOOD}`),
    text(`the key ${key} in environment`, `environment: {${key}: a}\n${GOOD}`),
    text(`the key ${key} in labels`, `labels:\n  ${key}: a\n${GOOD}`),
    text(`the key ${key} in limits`, `limits: {${key}: {pids: 1}}\n${GOOD}`),
    text(`the key ${key} below x-`, `x-a: {b: {${key}: 1}}\n${GOOD}`),
    text(`the key ${key} as a container`, `containers: {${key}: {commands: [a]}}\n`),
    text(
      `the key ${key} by escapes`,
      `"\\x${key.charCodeAt(0).toString(16)}${key.slice(1)}": 1\n${GOOD}`,
    ),
  ],
).concat(
  ["toString", "hasOwnProperty", "valueOf", "__defineGetter__"].map((key) =>
    text(`the key ${key}`, `${key}: 1\n${GOOD}`)
  ),
);

const NUMBERS: readonly HostileSpec[] = [
  "0755",
  "0644",
  "0o755",
  "-0755",
  "0x1F",
  "0b101",
  "1e3",
  "1E3",
  "+1",
  ".5",
  "5.",
  "1_000",
  "12:30:45",
  "007",
  "9007199254740993",
  "9223372036854775808",
  "18446744073709551615",
  "-9007199254740993",
  "1e400",
  "-1e400",
  "1e-400",
  "0.1000000000000000055",
  "-0",
  "-0.0",
  ".inf",
  "-.INF",
  ".nan",
  "08",
  "09.5",
  "-1",
  "0",
  "1.5",
  "4194305",
  "1E400",
  "no",
  "off",
  "y",
  "~",
  "null",
  "true",
  "[]",
  "{}",
  '""',
].map((value) => text(`pids: ${value}`, `limits: {pids: ${value}}\n${GOOD}`));

const MODES: readonly HostileSpec[] = ["0644", "0o644", "644", "00644", "0x1a4", "4294967296"].map((
  value,
) => text(`mode: ${value}`, `inputs: [{from: ./a, to: /a, mode: ${value}}]\n${GOOD}`));

const USERS: readonly HostileSpec[] = [
  '"01"',
  '"+1"',
  '" 1"',
  '"1 "',
  '"-1"',
  '"4294967295"',
  '"4294967296"',
  '"99999999999"',
  '"0x1"',
  '"1e3"',
  '""',
  '":"',
  '"1:"',
  '":1"',
  '"1:2:3"',
  '"1:01"',
  '"root:+1"',
  '"1000:4294967295"',
  '"a b"',
  '"a/b"',
  '"a\\nb"',
  '"१"',
  '"１"',
  "01",
  "-1",
  "1.5",
  "4294967295",
  "1e3",
  "0x1",
  "true",
  "null",
  "[1, 1]",
  '"root\\n"',
  '"1000abc"',
  '"-"',
].map((value) => text(`user: ${value}`, `user: ${value}\n${GOOD}`));

const TAGS: readonly HostileSpec[] = [
  "!!js/function 'function(){}'",
  "!!js/undefined ''",
  "!!python/object/apply:os.system [id]",
  "!!binary aGk=",
  "!!int 3",
  "!!float 1",
  "!!bool true",
  "!!null ''",
  "!!set {a, b}",
  "!!omap []",
  "!!pairs []",
  "!!timestamp 2001-01-01",
  "!custom x",
  "! x",
  "!<tag:example.org,2000:x> y",
  "!!merge <<",
  "!e!x y",
].map((value) => text(`tag ${value}`, `${GOOD}x-a: ${value}\n`));

const DOCUMENTS: readonly HostileSpec[] = [
  text("empty", ""),
  text("only blanks", "   \n\n  "),
  text("only a comment", "# nothing\n"),
  text("only a byte order mark", "\ufeff"),
  text("null", "null\n"),
  text("a word", "hello\n"),
  text("a number", "42\n"),
  text("a list", "- commands: [a]\n"),
  text("two documents", `${GOOD}---\n${GOOD}`),
  text("two documents, second empty", `${GOOD}---\n`),
  text("a document after the end", `${GOOD}...\n${GOOD}`),
  text("YAML 1.1", `%YAML 1.1\n---\n${GOOD}`),
  text("YAML 3.0", `%YAML 3.0\n---\n${GOOD}`),
  text("duplicate keys", `${GOOD}${GOOD}`),
  text("duplicate keys, one quoted", `${GOOD}"commands": [b]\n`),
  text("duplicate keys by escapes", `${GOOD}"comm\\x61nds": [b]\n`),
  text("duplicate keys, deep", `environment: {A: b, A: c}\n${GOOD}`),
  text("tabs", `limits:\n\tpids: 1\n${GOOD}`),
  text("tabs after blanks", `limits:\n \tpids: 1\n \tcpu: 1\n${GOOD}`),
  text("a list as a key", `? [a]\n: 1\n${GOOD}`),
  text("a map as a key", `{a: 1}: 2\n${GOOD}`),
  text("an empty key", `: 1\n${GOOD}`),
  text("an unclosed list", "commands: [a\n"),
  text("an unclosed map", "limits: {pids: 1\n"),
  text("an unclosed quote", 'commands: ["a\n'),
  text("a reserved character", "commands: [@a]\n"),
  text("a backtick", "commands: [`id`]\n"),
  text("two colons in a line", "commands: a: b\n"),
  text("JSON with a comment", '{"commands": ["a"] // b\n}'),
  text("JSON cut off", '{"commands": ["a"'),
  text("a template", "commands: {{ .Values.commands }}\n"),
  text("a variable", 'commands: ["echo ${{ SECRET }}"]\n'),
  text("a conflict of git", `<<<<<<< HEAD\n${GOOD}=======\n${GOOD}>>>>>>> b\n`),
  text("an ELF", "\x7fELF\x02\x01\x01"),
  raw("a gzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
  text("HTML", "<!doctype html>\n<html><body>404</body></html>\n"),
];

const MEANINGS: readonly HostileSpec[] = [
  'environment: {"A=B": c}',
  'environment: {"": c}',
  'environment: {"A\\nB": c}',
  "environment: {A: 1}",
  "environment: {A: true}",
  "environment: {A: }",
  "environment: [A=b]",
  'labels: {a: "b\\nc"}',
  'labels: {"a\\nb": c}',
  'hostname: "a\\nb"',
  'hostname: "a:b"',
  'hostname: ""',
  "hostname: -a",
  'hostname: "a b"',
  "hostname: ../etc",
  'name: "../x"',
  "name: /x",
  'name: ""',
  "name: A",
  "name: .x",
  "name: [x]",
  'name: "a\\nb"',
  "workdir: relative",
  'workdir: ""',
  "workdir: /a/../../b",
  "rootfs: {layers: []}",
  "rootfs: {layers: [{}]}",
  "rootfs: {layers: [{host: /etc}]}",
  "rootfs: {layers: [{dir: a, at: b}]}",
  "rootfs: {layers: [{dir: ~/x}]}",
  "rootfs: {path: /a, layers: [{host: system}]}",
  "rootfs: {writable: true}",
  "rootfs: {writable: {tmpfs: 0B}}",
  "limits: {memory: -1MiB}",
  "limits: {memory: 64k}",
  "limits: {memory: 1e3MiB}",
  "limits: {memory: 99999999PiB}",
  "limits: {cpu: -1}",
  "limits: {cpu: 0}",
  "limits: {cpu: 1e9}",
  "limits: {unlimited: true}",
  "policy: {capabilities: [CAP_FOO]}",
  "policy: {capabilities: [ALL]}",
  "policy: off",
  "policy: [none, build]",
  "network: container:other",
  "stop: {signal: 9}",
  "stop: {signal: SIGKILL}",
  "stop: {grace: -1s}",
  "stop: {grace: 999999h}",
  "privileged: true",
  "cap_add: [SYS_ADMIN]",
  'volumes: ["/:/host"]',
  "containers: {a: {commands: [b]}}",
].map((spec) => text(spec, `${spec}\n${GOOD}`));

/** More than 200, each with its own name. */
export const HOSTILE_SPECS: readonly HostileSpec[] = [
  ...ALIASES,
  ...DEPTHS,
  ...SIZES,
  ...ENCODINGS,
  ...ESCAPES,
  ...NUL_AT,
  ...LANGUAGE_KEYS,
  ...NUMBERS,
  ...MODES,
  ...USERS,
  ...TAGS,
  ...DOCUMENTS,
  ...MEANINGS,
];
