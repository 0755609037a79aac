import type { DesiredLimits } from "../../../spec/model/desired.ts";
import { exact, type KnobWrite, type Limit, showBytes } from "./knob.ts";

const FACTORS: Readonly<Record<string, number>> = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** The kernel's `2MB` is 2 MiB (mm/hugetlb_cgroup.c, mem_fmt). */
function pageBytes(page: string): number {
  return Number.parseInt(page) * (FACTORS[page.slice(-2)] ?? 1);
}

/** Rounded down to whole pages (hugetlb_cgroup_write). */
const writes = (suffix: string) => ({ hugetlb = {} }: DesiredLimits): readonly KnobWrite[] =>
  Object.entries(hugetlb).map(([page, bytes]) => {
    const size = pageBytes(page);
    const holds = `${Math.floor(bytes / size) * size}`;
    return { ...exact(`hugetlb.${page}.${suffix}`, bytes), holds };
  });

/** Huge pages, per page size. */
export const hugetlb: Limit = {
  key: "hugetlb",
  controller: "hugetlb",
  asked: ({ hugetlb = {} }) => Object.keys(hugetlb).length > 0,
  v2: writes("max"),
  v1: writes("limit_in_bytes"),
  text: ({ hugetlb = {} }) =>
    Object.entries(hugetlb).map(([page, bytes]) => `huge pages of ${page} ${showBytes(bytes)}`)
      .join(", "),
};
