import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, test } from "node:test";
import { parseArguments, UsageError } from "../../../../runtime/cli/arguments.ts";
import { type CommandRow, commandRow, COMMANDS } from "../../../../runtime/cli/table.ts";

function row(name: string): CommandRow {
  const found = commandRow(name);
  assert(found !== undefined, name);
  return found;
}

describe("parseArguments()", () => {
  const rows: readonly [string, string, readonly string[], unknown][] = [
    ["nothing", "run", [], { operands: [], options: {} }],
    ["an operand", "run", ["a.yaml"], { operands: ["a.yaml"], options: {} }],
    ["standard input", "run", ["-"], { operands: ["-"], options: {} }],
    ["a switch", "run", ["--quiet", "a"], { operands: ["a"], options: { "--quiet": true } }],
    ["its short form", "run", ["a", "-q"], { operands: ["a"], options: { "--quiet": true } }],
    ["help", "plan", ["-h"], { operands: [], options: { "--help": true } }],
    ["a value", "plan", ["--host", "h.json", "a"], {
      operands: ["a"],
      options: { "--host": "h.json" },
    }],
    ["a value behind =", "plan", ["--host=h.json"], {
      operands: [],
      options: { "--host": "h.json" },
    }],
    ["several", "plan", ["--json", "a", "--calls"], {
      operands: ["a"],
      options: { "--json": true, "--calls": true },
    }],
    ["a command", "run", ["a", "--", "ls", "-l", "--", "--quiet"], {
      operands: ["a"],
      options: {},
      command: ["ls", "-l", "--", "--quiet"],
    }],
    ["no word behind --", "run", ["--"], { operands: [], options: {}, command: [] }],
    ["a switch before a command", "run", ["-q", "--", "-q"], {
      operands: [],
      options: { "--quiet": true },
      command: ["-q"],
    }],
  ];
  for (const [name, command, argv, expected] of rows) {
    test(name, async () => {
      assertEquals(await parseArguments(argv, row(command)) as unknown, expected);
    });
  }

  test("refuses what the command does not know, and a value that is missing", async () => {
    for (const argv of [["--nope"], ["-x"], ["--quiet=yes=no", "--nope"], ["--calls"]]) {
      await assertRejects(() => parseArguments(argv, row("run")), UsageError);
    }
    await assertRejects(() => parseArguments(["--host"], row("plan")), UsageError);
    await assertRejects(() => parseArguments(["--host", "--json"], row("plan")), UsageError);
  });

  test("leaves the words that it was given alone", async () => {
    const argv = Object.freeze(["-q", "a", "--", "b"]);
    await parseArguments(argv, row("run"));
    assertEquals(argv, ["-q", "a", "--", "b"]);
  });
});

describe("the table of commands", () => {
  test("names each command, and each option of one, once, and says what it does", () => {
    const names = COMMANDS.map(({ name }) => name);
    assertEquals(names.length, new Set(names).size);
    for (const { name, summary, options } of COMMANDS) {
      assert(/^[a-z]+$/.test(name) && summary.length > 10 && !summary.endsWith("."), name);
      const words = options.flatMap((option) => [option.name, option.short ?? option.name + "?"]);
      assertEquals(words.length, new Set(words).size, name);
      assert(options.every((option) => /^--[a-z-]+$/.test(option.name) && option.help !== ""));
    }
  });

  test("no text ends the quotes that completions put around it", () => {
    for (const { summary, options } of COMMANDS) {
      for (const text of [summary, ...options.map(({ help }) => help)]) {
        assert(!/['\\]/.test(text), text);
      }
    }
  });

  test("examples begin with the command that they are about", () => {
    for (const { name, examples } of COMMANDS) {
      for (const example of examples) assert(example.startsWith(`containerv ${name}`), example);
    }
  });

  test("commandRow() knows these and no others", () => {
    assertEquals(commandRow("run")?.name, "run");
    for (const name of ["", "Run", "toString", "__proto__", "runs"]) {
      assertEquals(commandRow(name), undefined, name);
    }
  });
});
