/** The file that is executed holds no plan. What it does alone: the first call of each scene of fault_grid_test.ts. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { describe, test } from "node:test";
import { LOADER_RECORDS } from "../../../../ffi/stage/layout.ts";
import { shellOf } from "../../../../ffi/stage/shell.ts";
import { sceneOf } from "../support/simulated.ts";

const CANARY = "canary-of-another-command";
const scene = sceneOf({
  limits: { memory: "64MiB", pids: 16 },
  commands: [
    { exec: ["/bin/one", CANARY], environment: { TOKEN: CANARY }, workdir: `/${CANARY}` },
    { exec: ["/bin/two"], timeout: "5s" },
  ],
});

const text = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

describe("the shell of a plan", () => {
  test("has none of the plan's words, and no path of the host", () => {
    const image = text(scene.encoded.image);
    const shell = text(shellOf(scene.encoded.image));
    assertEquals(shell.length, image.length);
    for (const word of [CANARY, "/bin/one", "/bin/two", "/sys/fs/cgroup", "PATH=", "/usr"]) {
      assert(image.includes(word), word);
      assertFalse(shell.includes(word), word);
    }
  });

  test("its records are those up to the last that need no plan", () => {
    const kept = scene.encoded.records.slice(0, LOADER_RECORDS);
    const names = kept.flatMap((one) => one.kind === "syscall" ? [one.call.name] : []);
    assertEquals(names, ["mmap", "write", "write", "exit_group"]);
    assertEquals(kept.at(-1)?.kind, "syscall");
    const next = scene.encoded.records[LOADER_RECORDS];
    assertEquals(next?.kind === "syscall" ? next.call.name : "", "close_range");
  });
});
