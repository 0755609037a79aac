// runs-under: bun, deno
import { assertEquals } from "@std/assert";
import { mkdirSync, symlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { lookUpUser, type WantedUser } from "../../../../runtime/observe/users.ts";
import { tempDir } from "../../../support/temp.ts";

const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "www:x:33:34::/var/www:/bin/false",
  "noname",
  "homeless:x:40:40:::",
  "negative:x:-1:-1::/:",
  "huge:x:4294967295:0::/:",
  "hex:x:0x10:0::/:",
  "leading:x:007:7::/:",
  "",
].join("\n");
const GROUP = [
  "root:x:0:",
  "www-data:x:34:",
  "adm:x:4:root,www",
  "video:x:44:www,other",
  "bad:x:x:www",
]
  .join("\n");

describe("lookUpUser()", () => {
  const rows: readonly [string, WantedUser, unknown][] = [
    ["by name, with the groups that list it", { user: "www" }, [33, 34, [4, 44], "/var/www"]],
    ["by name and group name: only that group", { user: "www", group: "adm" }, [
      33,
      4,
      [],
      "/var/www",
    ]],
    ["by name and number of a group", { user: "www", group: 7 }, [33, 7, [], "/var/www"]],
    ["by number and group name", { user: 33, group: "adm" }, [33, 4, [], "/var/www"]],
    ["by a number that nobody has, and group name", { user: 999, group: "adm" }, [999, 4, [], "/"]],
    ["without a home", { user: "homeless" }, [40, 40, [], "/"]],
    ["nobody of that name", { user: "nobody-here" }, undefined],
    ["no group of that name", { user: "www", group: "nope" }, undefined],
    ["a group whose number is none", { user: "www", group: "bad" }, undefined],
    ["a line that is not whole", { user: "noname" }, undefined],
    ["an id that is negative", { user: "negative" }, undefined],
    ["(uid_t)-1", { user: "huge" }, undefined],
    ["hexadecimal", { user: "hex" }, undefined],
    ["leading zeros", { user: "leading" }, undefined],
    ["a name is not a pattern", { user: "ww." }, undefined],
  ];
  for (const [name, wanted, expected] of rows) {
    test(name, () => {
      using dir = tempDir();
      dir.write("etc/passwd", PASSWD);
      dir.write("etc/group", GROUP);
      const found = lookUpUser(wanted, [dir.path]);
      assertEquals(found && [found.uid, found.gid, found.groups, found.home], expected);
    });
  }

  test("the first root that has the file is asked, each file by itself", () => {
    using dir = tempDir();
    dir.write("top/etc/passwd", "www:x:1000:1000::/top:/bin/sh\n");
    dir.write("base/etc/passwd", PASSWD);
    dir.write("base/etc/group", GROUP);
    const roots = [dir.file("top"), dir.file("base"), dir.file("absent")];
    assertEquals(lookUpUser({ user: "www" }, roots)?.uid, 1000);
    assertEquals(lookUpUser({ user: "www" }, roots)?.groups, [4, 44]);
    assertEquals(lookUpUser({ user: "homeless" }, roots), undefined);
    assertEquals(lookUpUser({ user: "www" }, []), undefined);
  });

  test("links in a layer lead nowhere but into it; what is no file, or endless, is not read", () => {
    using dir = tempDir();
    mkdirSync(dir.file("a/etc"), { recursive: true });
    dir.write("secret", "evil:x:0:0::/:\n");
    symlinkSync(dir.file("secret"), dir.file("a/etc/passwd"));
    symlinkSync("../../../../../../nowhere", dir.file("a/etc/group"));
    assertEquals(lookUpUser({ user: "evil", group: 0 }, [dir.file("a")]), undefined);
    dir.write(`a${dir.path}/secret`, "evil:x:7:8::/in:\n");
    assertEquals(lookUpUser({ user: "evil" }, [dir.file("a")])?.uid, 7);
    mkdirSync(dir.file("b/etc/passwd"), { recursive: true });
    assertEquals(lookUpUser({ user: "root" }, [dir.file("b")]), undefined);
    dir.write("c/etc/passwd", `${"#".repeat(1 << 20)}\n${PASSWD}`);
    assertEquals(lookUpUser({ user: "www" }, [dir.file("c")]), undefined);
    // A group that can't be read is not the same as none: the user would lose its groups, unseen.
    dir.write("d/etc/passwd", PASSWD);
    dir.write("d/etc/group", "x:x:1:\n".repeat(200_000));
    assertEquals(lookUpUser({ user: "www" }, [dir.file("d")]), undefined);
  });
});
