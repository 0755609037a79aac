import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, test } from "node:test";
import { loadObject, loadSpec } from "../../../../spec/load.ts";
import type { VariableSources } from "../../../../spec/model/variables.ts";

function load(text: string, variables: VariableSources = {}) {
  return loadSpec({ text, file: "web.yaml", directory: "/project", variables });
}

const codes = (text: string, variables?: VariableSources): readonly string[] =>
  load(text, variables).diagnostics.map(({ code, pointer }) => `${code} ${pointer}`);

const ONE = 'variables: {A: {default: "d"}}\ncommands: [[echo, "${{ A }}"]]\n';
const argument = (text: string, variables?: VariableSources): string | undefined =>
  load(text, variables).desired?.containers[0]?.commands[0]?.exec[1];

describe("variables", () => {
  test("--set before the environment, that before .env, that before the default", () => {
    const dotenv = () => "A=file";
    const environment = { A: "environment" };
    assertEquals(argument(ONE), "d");
    assertEquals(argument(ONE, { dotenv }), "file");
    assertEquals(argument(ONE, { dotenv, environment }), "environment");
    assertEquals(argument(ONE, { dotenv, environment, set: { A: "set" } }), "set");
    assertEquals(argument(ONE, { set: { A: "" } }), "");
  });

  test("a value is text, whatever it looks like: it can't become structure", () => {
    for (const value of ["a: b", "[1, 2]", "- x\n- y", '", "evil', "${{ A }}", "&a *a", "0644"]) {
      assertEquals(argument(ONE, { set: { A: value } }), value);
    }
  });

  test("the shell's own words stay, and what nobody declared is not asked for", () => {
    let asked = 0;
    const dotenv = () => void asked++ as undefined;
    const { desired, volatile } = load('commands: ["echo $A ${A}"]\n', { dotenv });
    assertEquals(desired?.containers[0]?.commands[0]?.exec[2], "echo $A ${A}");
    assertEquals([asked, volatile], [0, undefined]);
  });

  test("where only a number or a truth is taken, a value becomes one; else it stays text", () => {
    const text = `variables: {N: {}, T: {}}
commands: [a]
limits:
  pids: \${{ N }}
stdin: \${{ T }}
environment: {N: "\${{ N }}"}
`;
    const { desired } = load(text, { set: { N: "16", T: "true" } });
    const [one] = desired?.containers ?? [];
    assertEquals([one?.limits.pids, one?.stdin, one?.environment["N"]], [16, true, "16"]);
    assertEquals(codes(text, { set: { N: "0x10", T: "yes" } }), [
      "WRONG_TYPE /limits/pids",
      "WRONG_TYPE /stdin",
    ]);
  });

  test("it depends on more than its text, so no cache keeps it", () => {
    assertEquals(load(ONE).volatile, true);
    assertEquals(load("commands: [a]\n").volatile, undefined);
  });

  test("of an object too, and several containers", () => {
    const { desired } = loadObject({
      variables: { T: { default: "1" } },
      containers: { a: { commands: [["a", "${{ T }}"]] }, b: { commands: [["b"]] } },
    }, { name: "x", directory: "/", variables: { set: { T: "2" } } });
    assertEquals(desired?.containers[0]?.commands[0]?.exec, ["a", "2"]);
  });

  const rows: readonly (readonly [string, VariableSources, readonly string[]])[] = [
    ["variables: {TAG: {}}\ncommands: ['${{ TGA }}']", { set: { TAG: "x" } }, [
      "UNDECLARED_VARIABLE /commands/0",
    ]],
    ["commands: ['${{ A }}']", {}, ["UNDECLARED_VARIABLE /commands/0"]],
    ["variables: {A: {}}\ncommands: [a]", {}, ["MISSING_VARIABLE /variables/A"]],
    ["variables: {A: {required: b}}\ncommands: [a]", {}, ["MISSING_VARIABLE /variables/A"]],
    ["variables: {A: {required: b, default: c}}\ncommands: [a]", {}, [
      "CONTRADICTION /variables/A",
    ]],
    ["commands: [a]", { set: { A: "b" } }, ["UNDECLARED_VARIABLE "]],
    ["variables: {A: {default: '${{ B }}'}}\ncommands: [a]", {}, [
      "BAD_REFERENCE /variables/A/default",
    ]],
    ["commands: ['${{ a b }}']", {}, ["BAD_REFERENCE /commands/0"]],
    ["commands: ['${{ A']", {}, ["BAD_REFERENCE /commands/0"]],
    ["variables: {A: {default: b}}\ncommands: [a]", { dotenv: () => "A\n" }, [
      "BAD_DOTENV /variables",
    ]],
    ["variables: {A: {}}\ncommands: [a]", { set: { A: "a\0b" } }, ["NUL /variables/A"]],
    ["variables: {A: {default: 1}}\ncommands: [a]", { set: { A: "a" } }, [
      "WRONG_TYPE /variables/A/default",
    ]],
    ["x-a: '${{ B }}'\ncommands: [a]", {}, []],
  ];
  for (const [text, sources, want] of rows) {
    test(`${text.replaceAll("\n", " ")}: ${want}`, () => assertEquals(codes(text, sources), want));
  }

  test("a missing one says what for; a slip of the pen which was meant", () => {
    const [missing] =
      load("variables: {A: {required: get it from Bob}}\ncommands: [a]").diagnostics;
    assertEquals(missing?.note, "get it from Bob");
    const [slip] = load("variables: {TAG: {default: x}}\ncommands: ['${{ TAGG }}']").diagnostics;
    assertEquals(slip?.note, "did you mean TAG?");
  });
});

describe("secret variables", () => {
  const SECRET = "hunter2-of-great-length";
  const text = (rest: string) => `variables: {P: {secret: true}}\n${rest}`;
  const sources = { set: { P: SECRET } };

  test("are put in, and told to whoever prints", () => {
    const { desired, hidden } = load(
      text('commands: [a]\nenvironment: {P: "x${{ P }}"}\n'),
      sources,
    );
    assertEquals(desired?.containers[0]?.environment["P"], `x${SECRET}`);
    assertEquals(hidden, [SECRET]);
  });

  test("stand in no diagnostic, however wrong their place is", () => {
    const places = [
      "user: '${{ P }}!'",
      "hostname: '${{ P }} x'",
      "limits: {memory: '${{ P }}'}",
      "workdir: '${{ P }}'",
      "stop: {signal: '${{ P }}'}",
      "policy: {capabilities: ['${{ P }}']}",
      "restart: '${{ P }}'",
      "rootfs: {layers: [{dir: '~/${{ P }}'}]}",
      "dependsOn: ['${{ P }}']",
      "name: '${{ P }}!'",
    ];
    for (const place of places) {
      const { diagnostics } = load(text(`commands: [a]\n${place}\n`), sources);
      assert(diagnostics.length > 0, place);
      assert(!JSON.stringify(diagnostics).includes(SECRET), `${place} ${diagnostics[0]?.message}`);
    }
  });

  test("in a command: a warning, with what to do", () => {
    const { diagnostics } = load(text('commands: ["echo ${{ P }}"]\n'), sources);
    assertEquals(diagnostics.map(({ code, severity }) => [code, severity]), [
      ["SECRET_IN_COMMAND", "warning"],
    ]);
    assertStringIncludes(diagnostics[0]?.note ?? "", "secrets: {/run/secrets/p:");
  });
});
