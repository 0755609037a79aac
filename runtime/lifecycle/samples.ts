/** What containers use, looked at twice: processor time is a difference. */
import { observeUsage } from "../observe/usage.ts";
import type { Sample } from "./as_json.ts";
import type { ContainerView } from "./containers.ts";

/** Of those of the containers that run; it takes `ms`. */
export async function sampleUsage(
  containers: readonly ContainerView[],
  ms: number,
): Promise<readonly Sample[]> {
  const views = containers.filter(({ state, pid }) => state === "running" && pid !== undefined);
  const before = views.map((view) => observeUsage({ pid: view.pid ?? 0 }));
  await new Promise((resolve) => setTimeout(resolve, ms));
  return views.map((view, index) => {
    const usage = observeUsage({ pid: view.pid ?? 0 });
    const first = before[index] ?? usage;
    const passed = (usage.time.getTime() - first.time.getTime()) * 1000;
    const used = Math.max(0, usage.cpuMicroseconds - first.cpuMicroseconds);
    return { view, usage, processors: passed > 0 ? used / passed : 0 };
  });
}
