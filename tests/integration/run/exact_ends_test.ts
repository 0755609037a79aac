// runs-under: bun, deno
/**
 * Each exit status and each signal comes out as it is. Every seventeenth status by default, all 256 with CONTAINERV_ALL_STATUSES=1
 * (tests/fault/thousand_runs_test.ts has all of them too, by `run`).
 */
import { assertEquals } from "@std/assert";
import process from "node:process";
import { describe, test } from "node:test";
import { start } from "../../../mod.ts";
import { missing, root } from "../../support/require.ts";

const STEP = process.env["CONTAINERV_ALL_STATUSES"] === "1" ? 1 : 17;
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
});
