import type { Problem } from "../text/problem.ts";

/** What the kernel shows there must stay as it is, or the container's isolation is not what it says. */
const WITH_ALL_BELOW = ["/proc", "/sys"];
const ALONE = ["/", "/dev", "/dev/pts", "/dev/mqueue"];

/** Why nothing of the user's can be mounted at `at`; `undefined` when it can. */
export function placeProblem(at: string): Omit<Problem, "pointer"> | undefined {
  const refused = ALONE.includes(at) ||
    WITH_ALL_BELOW.some((path) => at === path || at.startsWith(`${path}/`));
  if (!refused) return undefined;
  return {
    code: "PROTECTED_PLACE",
    message: `nothing can be mounted at ${at}`,
    note: at === "/"
      ? "the root is `rootfs:`, as {layers: [{dir: PATH}]} or {path: PATH}"
      : "what the kernel shows there is part of the container's isolation",
  };
}
