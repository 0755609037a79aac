import { exact, knobs, type KnobWrite, type Limit } from "./knob.ts";
import type { DesiredLimits } from "../../../spec/model/desired.ts";

/** Both versions have the same file. */
const writes = ({ pids }: DesiredLimits): readonly KnobWrite[] =>
  knobs(pids === undefined ? undefined : exact("pids.max", pids));

/** Number of tasks (processes and threads). */
export const pids: Limit = {
  key: "pids",
  controller: "pids",
  asked: ({ pids }) => pids !== undefined,
  v2: writes,
  v1: writes,
  text: ({ pids, pidsIsDefault }) =>
    pids === undefined || pidsIsDefault ? undefined : `pids ${pids}`,
};
