/** Limits: as the kernel's files say while the container runs, and as programs inside feel them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { run, start } from "../../../mod.ts";
import { observeCgroups } from "../../../runtime/observe/host.ts";
import { controller, missing, root } from "../../support/require.ts";

const skip = missing(root(), controller("memory"), controller("pids"), controller("cpu"));

/** Directory of the hierarchy that has `name`, and whether it is v1. */
function hierarchy(name: string): { mount: string; v1: boolean } {
  const { v1, v2 } = observeCgroups();
  const mount = v1[name];
  if (mount !== undefined) return { mount, v1: true };
  return { mount: v2?.mount ?? "/sys/fs/cgroup", v1: false };
}

function groupsNow(): readonly string[] {
  const { v1, v2 } = observeCgroups();
  return [...new Set([...Object.values(v1), v2?.mount ?? ""])]
    .filter((mount) => mount !== "" && existsSync(`${mount}/containerv`))
    .flatMap((mount) => readdirSync(`${mount}/containerv`, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

describe("limits", { skip }, () => {
  test("are in the kernel's files while it runs, and gone with it", async () => {
    let name: string;
    {
      await using container = await start({
        limits: { memory: "32MiB", pids: 17, cpu: 0.5 },
        commands: [["sleep", "30"]],
      });
      name = container.name;
      const file = (key: string, v1: string, v2: string): string => {
        const at = hierarchy(key);
        return readFileSync(`${at.mount}/containerv/${name}/${at.v1 ? v1 : v2}`, "utf8").trim();
      };
      assertEquals(file("memory", "memory.limit_in_bytes", "memory.max"), `${32 << 20}`);
      assertEquals(file("pids", "pids.max", "pids.max"), "17");
      assertEquals(file("cpu", "cpu.cfs_quota_us", "cpu.max").split(" ")[0], "50000");
      assertEquals(file("pids", "cgroup.procs", "cgroup.procs").split("\n").length, 1);
    }
    assert(!groupsNow().includes(name), `${groupsNow()}`);
  });

  test("memory beyond the limit kills", async () => {
    const { code } = await run({
      init: true,
      limits: { memory: "16MiB", pids: 20 },
      commands: [["/bin/sh", "-c", "head -c 64m /dev/zero | tail >/dev/null; exit $?"]],
    });
    assertEquals(code, 137);
  });

  test("a fork bomb stays below its number", async () => {
    const { stdout } = await run({
      limits: { pids: 8 },
      commands: [[
        "/bin/sh",
        "-c",
        "i=0; while [ $i -lt 30 ]; do sleep 2 & i=$((i+1)); done 2>/dev/null; ls -d /proc/[0-9]* | wc -l",
      ]],
    });
    assert(Number(stdout.trim() || 0) <= 8, stdout);
  });

  test("no limit asked, no group made", async () => {
    await using container = await start({ commands: [["sleep", "30"]] });
    assert(!groupsNow().some((name) => name === container.name));
  });

  test("two runs of one spec at once have groups of their own", async () => {
    const outputs = await Promise.all(
      Array.from(
        { length: 8 },
        () => run({ limits: { pids: 10 }, commands: [["/bin/sh", "-c", "sleep 0.1; echo ok"]] }),
      ),
    );
    assertEquals(outputs.map((output) => output.stdout), new Array(8).fill("ok\n"));
  });
});
