/** Three wrong specs: the messages to the letter, the same from every verb. */
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { runCli } from "../../support/cli.ts";
import { tempDir } from "../../support/temp.ts";
import { guardWorld } from "./sandbox.ts";

guardWorld();

interface Case {
  readonly name: string;
  readonly spec: string;
  readonly says: string;
}

const CASES: readonly Case[] = [
  {
    name: "a slip of the pen, and a word of compose",
    spec: `comands: ["true"]
image: nginx:1.27
`,
    says: `bad.yaml:1:1: error: unknown key \`comands\`
    1 | comands: ["true"]
      | ^^^^^^^ did you mean \`commands\`?
bad.yaml:2:1: error: unknown key \`image\`
    2 | image: nginx:1.27
      | ^^^^^ compose's word; here: rootfs: {layers: [{image: "nginx:1.27"}]}
2 errors, nothing was done
`,
  },
  {
    name: "a unit that is missing, what is not built yet, a number that looks like a mode",
    spec: `commands:
  - {exec: [make], timeout: 10}
inputs: [{from: ./a, to: /b, mode: 0644}]
platform: windows
`,
    says: `bad.yaml:2:29: error: expected a duration such as 30s, 1m30s or 500ms, not the number 10
    2 |   - {exec: [make], timeout: 10}
      |                             ^^ a duration has a unit
      |     fix: timeout: 10s
bad.yaml:3:36: error: 0644 is the number 644 in YAML 1.2
      |     fix: mode: "0644"
bad.yaml:4:11: error: \`platform: windows\` is not implemented yet
    4 | platform: windows
      |           ^^^^^^^ what works: linux
3 errors, nothing was done
`,
  },
  {
    name: "a list where a map is wanted, a key said twice",
    spec: `commands: ["true"]
limits: [1]
user: 1
user: 2
`,
    says: `bad.yaml:2:9: error: expected a map such as {memory: 256MiB, pids: 16}, not a list
    2 | limits: [1]
      |         ^^^
bad.yaml:4:1: error: \`user\` is said twice
    4 | user: 2
      | ^^^^ first in line 3
2 errors, nothing was done
`,
  },
];

describe("wrong specs", () => {
  for (const { name, spec, says } of CASES) {
    test(name, async () => {
      using directory = tempDir();
      directory.write("bad.yaml", spec);
      for (const [verb, want] of [["validate", 2], ["plan", 2], ["run", 125]] as const) {
        const { code, stdout, stderr } = await runCli([verb, "bad.yaml"], { cwd: directory.path });
        assertEquals([code, stdout, stderr], [want, "", says], verb);
      }
    });
  }
});
