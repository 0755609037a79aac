import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { completeLock, lockProblems, platformOfName } from "../../../tools/check_lock.mjs";

const manifest = { dependencies: { tool: "1.0.0" }, devDependencies: {} };
const lock = (extra: object = {}) => ({
  packages: {
    "": { dependencies: { tool: "1.0.0" } },
    "node_modules/tool": { version: "1.0.0", optionalDependencies: { "@tool/linux-x64": "1.0.0" } },
    ...extra,
  },
});
const platform = { version: "1.0.0", optional: true };

describe("lockProblems()", () => {
  test("is empty for a whole lock", () => {
    assertEquals(lockProblems(manifest, lock({ "node_modules/@tool/linux-x64": platform })), []);
  });

  test("names a platform without an entry", () => {
    assertEquals(lockProblems(manifest, lock()), [
      "package-lock.json: node_modules/tool has no entry for its optional @tool/linux-x64 (node tools/check_lock.mjs --fix)",
    ]);
  });

  test("names an address", () => {
    const entry = { ...platform, resolved: "https://a.example/x.tgz" };
    assertEquals(lockProblems(manifest, lock({ "node_modules/@tool/linux-x64": entry })), [
      'package-lock.json: node_modules/@tool/linux-x64 has a "resolved" address',
    ]);
  });

  test("names a version that is not pinned or not locked", () => {
    const loose = { dependencies: { tool: "^1.0.0" } };
    assertEquals(lockProblems(loose, lock({ "node_modules/@tool/linux-x64": platform })), [
      "package.json: tool is not pinned: ^1.0.0",
      "package-lock.json: tool is not ^1.0.0, as package.json has it",
    ]);
  });
});

test("completeLock() adds what is missing, for that platform only", () => {
  const whole = completeLock(lock());
  assertEquals(lockProblems(manifest, whole), []);
  const { os, cpu, optional } = whole.packages["node_modules/@tool/linux-x64"] ?? {};
  assertEquals({ os, cpu, optional }, { os: ["linux"], cpu: ["x64"], optional: true });
});

test("platformOfName() reads the name", () => {
  assertEquals(platformOfName("@a/win32-arm64"), { os: ["win32"], cpu: ["arm64"] });
  assertEquals(platformOfName("@a/bun-darwin-aarch64"), { os: ["darwin"], cpu: ["arm64"] });
  assertEquals(platformOfName("@a/plain"), undefined);
});
