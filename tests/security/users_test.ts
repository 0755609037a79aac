/** C2, C3, C6: who a user is: numbers that are not numbers, names that are numbers, user databases that mean harm. */
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { guardWorld, plainHostRoot, runSpec, sh } from "../integration/cli/sandbox.ts";
import { PATIENCE } from "../support/cli.ts";
import { missing, root } from "../support/require.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

guardWorld();
const skip = missing(root());
const ID = "id -u; id -g; id -G";

/** A layer whose etc has these files, over the host's programs. */
function layer(files: Readonly<Record<string, string>>): TempDir {
  const directory = tempDir();
  chmodSync(directory.path, 0o755);
  for (const [name, text] of Object.entries(files)) directory.write(`etc/${name}`, text);
  chmodSync(directory.file("etc"), 0o755);
  return directory;
}

const rootfs = (dir: string): Readonly<Record<string, unknown>> => ({
  layers: [{ host: "/" }, { dir }],
});

describe(
  "C2: each way to write a user is right or an error, and only 0 and root are 0",
  { skip },
  () => {
    const good: readonly (readonly [unknown, string])[] = [
      [1, "1\n1\n1\n"],
      ["1", "1\n1\n1\n"],
      ["1:1", "1\n1\n1\n"],
      ["1:2", "1\n2\n2\n"],
      ["0:7", "0\n7\n7\n"],
      [4294967294, "4294967294\n4294967294\n4294967294\n"],
      ["root", "0\n0\n0\n"],
      ["daemon:root", "1\n0\n0\n"],
    ];
    for (const [user, want] of good) {
      test(`${JSON.stringify(user)} is ${JSON.stringify(want)}`, async () => {
        const { code, stdout, stderr } = await runSpec({
          policy: "none",
          user,
          commands: [sh(ID)],
        });
        assertEquals([code, stderr, stdout], [0, "", want]);
      });
    }

    const bad = [
      "01",
      "+1",
      " 1",
      "1 ",
      "4294967295",
      "4294967296",
      "18446744073709551616",
      -1,
      "-1",
      "0x0",
      "0x1",
      "1e3",
      "",
      ":",
      "0:",
      ":0",
      "1:1:1",
      "root:",
      "ro ot",
      "root\n",
      "root:x:0",
      "\u0661",
      1.5,
      null,
      true,
      [],
      "no-such-user",
      "root:no-such-group",
    ];
    test("what is neither a plain number in range nor a name that is there is refused, and nothing runs", async () => {
      const runs = await Promise.all(
        bad.map((user) =>
          runSpec({ policy: "none", user, commands: [sh("echo ran")] }, { timeoutMs: 90_000 })
        ),
      );
      for (const [index, { code, stdout }] of runs.entries()) {
        assertEquals([code, stdout], [125, ""], JSON.stringify(bad[index]));
      }
    });

    test("the same for a single command's user, in every form", async () => {
      for (const user of ["01", "4294967296", "-1"]) {
        const { code, stdout } = await runSpec({
          policy: "none",
          commands: [{ exec: ["/bin/echo", "ran"], user }],
        });
        assertEquals([code, stdout], [125, ""], user);
      }
    });
  },
);

describe("C3: a number is never a name", { skip: missing(root(), plainHostRoot()) }, () => {
  const passwd =
    "root:x:0:0::/:/bin/sh\n99999999999:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n";
  test("too large a number that passwd maps to 0 is refused", async () => {
    using etc = layer({ passwd, group: "root:x:0:\n" });
    for (const user of ["99999999999", "4294967296"]) {
      const { code, stdout } = await runSpec({
        policy: "none",
        user,
        rootfs: rootfs(etc.path),
        commands: [sh(ID)],
      });
      assertEquals([code, stdout], [125, ""]);
    }
  });

  test("1000 is the number 1000, whatever passwd calls so", async () => {
    using etc = layer({ passwd, group: "root:x:0:\n" });
    const { stdout } = await runSpec({
      policy: "none",
      user: "1000",
      rootfs: rootfs(etc.path),
      commands: [sh("grep ^Uid /proc/self/status")],
    });
    assertEquals(stdout, "Uid:\t1000\t1000\t1000\t1000\n");
  });
});

describe("names are the container's own", { skip: missing(root(), plainHostRoot()) }, () => {
  test("passwd and group of the layer decide, supplementary groups with them", async () => {
    using etc = layer({
      passwd: "app:x:4242:4343::/srv/app:/bin/sh\n",
      group: "app:x:4343:\nmore:x:5000:other,app\nstill:x:5001:app\nnot:x:5002:apples\n",
    });
    const { code, stdout } = await runSpec({
      policy: "none",
      user: "app",
      rootfs: rootfs(etc.path),
      commands: [sh("grep -E '^(Uid|Gid|Groups)' /proc/self/status; echo $HOME")],
    });
    assertEquals(code, 0);
    assertEquals(
      stdout.replaceAll(/[ \t]+/g, " "),
      "Uid: 4242 4242 4242 4242\nGid: 4343 4343 4343 4343\nGroups: 5000 5001 \n/srv/app\n",
    );
  });

  test("a line whose number is none does not make its user root", async () => {
    for (const uid of ["", "-1", "0x0", "4294967296", "abc", "00"]) {
      using etc = layer({ passwd: `app:x:${uid}:0::/:/bin/sh\n`, group: "root:x:0:\n" });
      const { code, stdout } = await runSpec({
        policy: "none",
        user: "app",
        rootfs: rootfs(etc.path),
        commands: [sh("echo ran")],
      });
      assertEquals([code, stdout], [125, ""], uid);
    }
  });
});

describe("C6: user databases that mean harm", { skip }, () => {
  const cases: Readonly<Record<string, (etc: string) => void>> = {
    "a FIFO": (etc) => void spawnSync("mkfifo", [`${etc}/passwd`]),
    "a link to /dev/zero": (etc) => symlinkSync("/dev/zero", `${etc}/passwd`),
    "a link to the host's shadow": (etc) =>
      symlinkSync("../../../../../../etc/shadow", `${etc}/passwd`),
    "a sparse file of 2 GiB": (etc) => {
      writeFileSync(`${etc}/passwd`, "");
      truncateSync(`${etc}/passwd`, 2 ** 31);
    },
    "a directory": (etc) => mkdirSync(`${etc}/passwd`),
    "a link to itself": (etc) => symlinkSync("passwd", `${etc}/passwd`),
    "a magic link": (etc) => symlinkSync("/proc/self/fd/0", `${etc}/passwd`),
  };
  for (const [name, make] of Object.entries(cases)) {
    test(`${name}: an error, at once`, async () => {
      using etc = layer({ group: "root:x:0:\n" });
      make(etc.file("etc"));
      const { code, stdout, stderr, ms } = await runSpec({
        policy: "none",
        user: "app",
        rootfs: { layers: [{ dir: etc.path }] },
        commands: [sh("echo ran")],
      }, { verb: ["run", "--no-cache"], timeoutMs: 20_000 });
      assertEquals([code, stdout], [125, ""]);
      assertMatch(stderr, /NO_SUCH_USER/);
      // Twice the second of the promise: a whole process under load.
      assertLess(ms, 5000 * PATIENCE);
      assert(!stderr.includes("root:"), "content of a file of the host");
    });
  }
});
