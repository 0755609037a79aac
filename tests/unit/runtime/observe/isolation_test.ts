// runs-under: bun, deno
import { assert, assertEquals } from "@std/assert";
import { readlinkSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import {
  observeIsolation,
  parseIdMap,
  parseLimits,
} from "../../../../runtime/observe/isolation.ts";

describe("observeIsolation()", () => {
  test("of the tester itself: every namespace is the host's, and its own files are there", () => {
    const own = observeIsolation(process.pid);
    assert(own !== undefined);
    assertEquals(own.pid, process.pid);
    assert(own.namespaces.length >= 7 && own.namespaces.every(({ host }) => host));
    assert(own.files.some(({ fd, target }) => fd === 0 && target !== ""));
    assert(own.mounts.some(({ at }) => at === "/proc"));
    assertEquals(own.ids.uids[1], process.geteuid?.());
    const net = own.namespaces.find(({ type }) => type === "net");
    assertEquals(`net:[${net?.inode}]`, readlinkSync("/proc/self/ns/net"));
    assertEquals(own.unreadable, []);
  });

  test("of nobody: undefined", () => assertEquals(observeIsolation(4_194_303), undefined));
});

test("limits: names of setrlimit(2), soft and hard, a unit where there is one", () => {
  const text = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 1048576              files     
Max nice priority         0                    0                    
Max something new         1                    2                    things    
`;
  assertEquals(parseLimits(text), [
    { name: "cpu", soft: "unlimited", hard: "unlimited", unit: "seconds" },
    { name: "nofile", soft: "1024", hard: "1048576", unit: "files" },
    { name: "nice", soft: "0", hard: "0", unit: "" },
    { name: "Max something new", soft: "1", hard: "2", unit: "things" },
  ]);
  assertEquals(parseLimits(""), []);
});

test("id maps: a range a line", () => {
  assertEquals(parseIdMap("         0       1000          1\n         1     100000      65536\n"), [
    { inside: 0, outside: 1000, count: 1 },
    { inside: 1, outside: 100000, count: 65536 },
  ]);
  assertEquals(parseIdMap(""), []);
});
