import { describe, test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { checkGlobal, readPax, segmentsOf } from "../../../../../runtime/image/tar/pax.ts";
import { latin1, paxRecord } from "../../../../support/tar.ts";

const read = (records: Readonly<Record<string, string>>) =>
  readPax(latin1(Object.entries(records).map(([key, value]) => paxRecord(key, value)).join("")));

describe("readPax()", () => {
  test("reads what is said of an entry", () => {
    const { xattrs, ...said } = read({
      path: "long/name",
      linkpath: "target",
      size: "9007199254740991",
      uid: "4294967294",
      gid: "100000",
      "SCHILY.devmajor": "8",
      "SCHILY.xattr.user.x": "a=b\n",
      "SCHILY.acl.access": "user::rwx",
    });
    assertEquals(said, {
      path: "long/name",
      link: "target",
      size: Number.MAX_SAFE_INTEGER,
      uid: 4294967294,
      gid: 100000,
      major: 8,
      ignored: ["SCHILY.acl.access"],
    });
    assertEquals([...xattrs], [["user.x", latin1("a=b\n")]]);
  });

  const times: Readonly<Record<string, { sec: number; nsec: number }>> = {
    "1234567890.5": { sec: 1234567890, nsec: 500_000_000 },
    "1": { sec: 1, nsec: 0 },
    "1.": { sec: 1, nsec: 0 },
    "1.0000000019": { sec: 1, nsec: 1 },
    "-1": { sec: -1, nsec: 0 },
    "-1.5": { sec: -2, nsec: 500_000_000 },
    "-0.25": { sec: -1, nsec: 750_000_000 },
  };
  for (const [text, time] of Object.entries(times)) {
    test(`mtime ${text}`, () => {
      const { mtime } = read({ mtime: text });
      assertEquals([(mtime?.sec ?? 0) + 0, mtime?.nsec], [time.sec, time.nsec]);
    });
  }

  test("a name by GNU.sparse.name wins over the path", () => {
    const { path } = read({
      path: "GNUSparseFile.0/s",
      "GNU.sparse.name": "s",
      "GNU.sparse.size": "1",
    });
    assertEquals(path, "s");
  });

  test("maps of sparse files: 0.0, 0.1, 1.0", () => {
    const pairs = paxRecord("GNU.sparse.size", "100") +
      ["10", "20"].map((offset) =>
        paxRecord("GNU.sparse.offset", offset) + paxRecord("GNU.sparse.numbytes", "3")
      ).join("");
    const segments = [{ offset: 10, length: 3 }, { offset: 20, length: 3 }];
    assertEquals(readPax(latin1(pairs)).sparse, { realSize: 100, segments });
    const list = read({ "GNU.sparse.size": "100", "GNU.sparse.map": "10,3,20,3" });
    assertEquals(list.sparse, { realSize: 100, segments });
    const inData = read({ "GNU.sparse.major": "1", "GNU.sparse.realsize": "100" });
    assertEquals(inData.sparse, { realSize: 100 });
  });

  test("pairs out of order are refused", () => {
    const text = paxRecord("GNU.sparse.size", "9") + paxRecord("GNU.sparse.numbytes", "3");
    assertThrows(() => readPax(latin1(text)));
  });
});

test("segmentsOf() takes pairs alone", () => {
  assertEquals(segmentsOf([]), []);
  assertThrows(() => segmentsOf(["1"]));
  assertThrows(() => segmentsOf(["1", ""]));
});

test("a global header may say what changes nothing", () => {
  checkGlobal(latin1(paxRecord("comment", "x")));
  assertThrows(() => checkGlobal(latin1(paxRecord("path", "x"))));
});
