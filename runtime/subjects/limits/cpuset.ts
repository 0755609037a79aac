import { showCpus } from "../../../spec/model/cpus.ts";
import { exact, knobs, type Limit, type Refusal } from "./knob.ts";

/** CPUs and memory nodes that may be used at all. */
export const cpuset: Limit = {
  key: "cpuset",
  controller: "cpuset",
  asked: ({ cpuset }) => cpuset !== undefined,
  refuse: ({ cpuset = {} }, { host }) =>
    missing("CPU", cpuset.cpus, host.cgroups.cpuset?.cpus) ??
      missing("memory node", cpuset.mems, host.cgroups.cpuset?.mems),
  v2: ({ cpuset: { cpus, mems } = {} }) =>
    knobs(
      cpus && exact("cpuset.cpus", showCpus(cpus)),
      mems && exact("cpuset.mems", showCpus(mems)),
    ),
  // A new group of v1 has neither CPU nor memory node, and nothing can join it before it has both.
  v1: ({ cpuset: { cpus, mems } = {} }, { host }) =>
    knobs(
      exact("cpuset.cpus", showCpus(cpus ?? host.cgroups.cpuset?.cpus ?? [])),
      exact("cpuset.mems", showCpus(mems ?? host.cgroups.cpuset?.mems ?? [])),
    ),
  parents: (_limits, { host }) =>
    knobs(
      exact("cpuset.cpus", showCpus(host.cgroups.cpuset?.cpus ?? [])),
      exact("cpuset.mems", showCpus(host.cgroups.cpuset?.mems ?? [])),
    ),
  text: ({ cpuset: { cpus, mems } = {} }) =>
    [
      ...(cpus === undefined ? [] : [`cpus ${showCpus(cpus)}`]),
      ...(mems === undefined ? [] : [`memory nodes ${showCpus(mems)}`]),
    ].join(", "),
};

function missing(
  what: string,
  asked: readonly number[] | undefined,
  present: readonly number[] | undefined,
): Refusal | undefined {
  if (present === undefined) return undefined;
  const absent = asked?.find((one) => !present.includes(one));
  if (absent === undefined) return undefined;
  return {
    why: `there is no ${what} ${absent}: this machine has ${showCpus(present)}`,
    fix: `name some of ${showCpus(present)}`,
  };
}
