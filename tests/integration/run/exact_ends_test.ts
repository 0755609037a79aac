// runs-under: bun, deno
/**
 * Each exit status and each signal comes out as it is, of a command in a container (`exec`) and of containers in the background (`up -d`).
 * Some of them by default, all 256 and 64 with CONTAINERV_ALL_STATUSES=1 (tests/fault/thousand_runs_test.ts has the statuses by `run`,
 * tests/integration/cli/signals_test.ts the signals).
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { describe, test } from "node:test";
import { start } from "../../../mod.ts";
import { missing, root } from "../../support/require.ts";
import { project } from "../detached/project.ts";

const ALL = process.env["CONTAINERV_ALL_STATUSES"] === "1";
const STEP = ALL ? 1 : 17;
const LANES = 4;
/** signal(7): SIGCHLD, SIGCONT, SIGURG and SIGWINCH do nothing by default. */
const IGNORED = new Set([17, 18, 23, 28]);
/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU stop, and end nothing. */
const STOPPING = new Set([19, 20, 21, 22]);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function inLanes(items: readonly number[], act: (item: number) => Promise<void>) {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await act(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

describe("how a command ended", { skip: missing(root()) }, () => {
  test("256 statuses and 64 signals, each exact", async () => {
    await using box = await start({ policy: "none" });
    await inLanes(upTo(256).filter((status) => status % STEP === 0), async (status) => {
      const { code, reason } = await box.exec(["sh", "-c", `exit ${status}`]);
      assertEquals({ status, code, reason }, { status, code: status, reason: "exited" });
    });
    const signals = upTo(65).filter((number) => number > 0 && !STOPPING.has(number));
    await inLanes(signals, async (number) => {
      const { code, reason } = await box.exec(["sh", "-c", `kill -${number} $$; exit 3`]);
      const want = IGNORED.has(number)
        ? { code: 3, reason: "exited" }
        : { code: 128 + number, reason: "signal" };
      assertEquals({ number, code, reason }, { number, ...want } as unknown);
    });
  });

  test("in the background: what wait, ps and inspect say", async () => {
    const base = { policy: "none" };
    const statuses = upTo(256).filter((status) => ALL || status % 51 === 0);
    const signals = upTo(65).filter((number) =>
      number > 0 && !STOPPING.has(number) && (ALL || number % 9 === 0)
    );
    const wanted = new Map<string, number>();
    const containers: Record<string, object> = {};
    for (const status of statuses) {
      const name = `exit-${status}`;
      wanted.set(name, status);
      containers[name] = { ...base, commands: [["sh", "-c", `exit ${status}`]] };
    }
    for (const number of signals) {
      const name = `signal-${number}`;
      wanted.set(name, IGNORED.has(number) ? 3 : 128 + number);
      // Below PID 1, to which the kernel gives no signal that it has no handler for.
      const exec = ["sh", "-c", `ulimit -c 0; kill -${number} $$; exit 3`];
      containers[name] = { ...base, init: true, commands: [exec] };
    }
    await using box = project({ containers }, { timeoutMs: 120_000 });
    const up = await box.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const names = [...wanted.keys()];
    const waited = new Map<string, number | null>();
    const asked = ALL ? names : ["exit-51", "exit-255", "signal-9", "signal-63"];
    await inLanes(upTo(asked.length), async (index) => {
      const name = asked[index] ?? "";
      waited.set(name, (await box.cv("wait", name)).code);
    });
    for (const [name, code] of waited) assertEquals([name, code], [name, wanted.get(name)]);
    await box.cv("wait", ...names);
    const listed = await box.ps();
    assertEquals(
      listed.map(({ name, ending, state }) => [name, ending?.status, ending?.lost, state]).sort(),
      names.map((name) => [name, wanted.get(name), false, "exited"]).sort(),
    );
    const [id = ""] = listed.flatMap(({ name, id }) => name === "exit-51" ? [id] : []);
    const told = await box.cv("inspect", id);
    assertEquals(told.code, 1);
    assertStringIncludes(told.stderr, "error NOT_RUNNING: ");
    assertStringIncludes(told.stderr, "exited (51)");
  });
});
