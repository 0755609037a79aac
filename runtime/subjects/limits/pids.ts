import { exact, type Limit } from "./knob.ts";

/** Number of tasks (processes and threads). */
export const pids: Limit = {
  key: "pids",
  controller: "pids",
  v2: ({ pids }) => pids === undefined ? [] : [exact("pids.max", pids)],
  v1: ({ pids }) => pids === undefined ? [] : [exact("pids.max", pids)],
  text: ({ pids, pidsIsDefault }) =>
    pids === undefined || pidsIsDefault ? undefined : `pids ${pids}`,
};
