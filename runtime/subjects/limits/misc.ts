import type { DesiredLimits } from "../../../spec/model/desired.ts";
import { type KnobWrite, type Limit, line } from "./knob.ts";

/** Both versions have the same file, a line per resource (kernel/cgroup/misc.c). */
const writes = ({ misc = {} }: DesiredLimits): readonly KnobWrite[] =>
  Object.entries(misc).map(([resource, most]) => line("misc.max", `${resource} ${most}`));

/** Resources that are few and are counted: keys of encrypted memory, pages of enclaves. */
export const misc: Limit = {
  key: "misc",
  controller: "misc",
  asked: ({ misc = {} }) => Object.keys(misc).length > 0,
  v2: writes,
  v1: writes,
  text: ({ misc = {} }) =>
    Object.entries(misc).map(([resource, most]) => `${resource} ${most}`).join(", "),
};
