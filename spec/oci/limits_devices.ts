/** `limits.io`, `hugetlb`, `devices`, `rdma`, `misc` ⇄ their fields of `linux.resources`. */
import type { DesiredContainer, DesiredIo, DesiredLimits } from "../model/desired.ts";
import type { LimitsSpec } from "../model/spec_type.ts";
import type { OciBlockIo, OciDisk, OciResources } from "./config.ts";
import { type Document, isNumber, isText } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import { type OciLoss, originOf, type Said } from "./loss.ts";

/** Our key, OCI's field. */
const RATES = [
  ["readBytes", "throttleReadBpsDevice"],
  ["writeBytes", "throttleWriteBpsDevice"],
  ["readOperations", "throttleReadIOPSDevice"],
  ["writeOperations", "throttleWriteIOPSDevice"],
] as const;

/** What the specification takes as a weight of disks. */
const LEAST_WEIGHT = 10;

export function ioToOci(
  { io = [] }: DesiredLimits,
  facts: OciFacts,
): Said<Pick<OciResources, "blockIO">> {
  if (io.length === 0) return { part: {}, losses: [] };
  const disks = io.map((entry) => ({ entry, disk: diskOf(entry, facts) }));
  const rates = RATES.map(([key, field]) => {
    const list = disks.flatMap(({ entry, disk }) => {
      const rate = entry[key];
      return disk === undefined || rate === undefined ? [] : [{ ...disk, rate }];
    });
    return list.length === 0 ? {} : { [field]: list };
  });
  const weights = disks.flatMap(({ entry: { weight }, disk }) =>
    weight === undefined || weight < LEAST_WEIGHT ? [] : [{ weight, disk }]
  );
  const all = weights.find(({ disk }) => disk === undefined);
  const some = weights.flatMap(({ weight, disk }) =>
    disk === undefined ? [] : [{ ...disk, weight }]
  );
  const blockIO: OciBlockIo = Object.assign(
    {},
    all === undefined ? {} : { weight: all.weight },
    some.length === 0 ? {} : { weightDevice: some },
    ...rates,
  );
  return {
    part: Object.keys(blockIO).length === 0 ? {} : { blockIO },
    losses: io.flatMap((entry) => weightLoss(entry, facts)),
  };
}

function diskOf(entry: DesiredIo, { disks }: OciFacts): OciDisk | undefined {
  const path = entry.device ?? entry.path;
  return path === undefined ? undefined : disks[path];
}

function weightLoss({ weight, origin }: DesiredIo, { knobs }: OciFacts): readonly OciLoss[] {
  if (weight === undefined) return [];
  if (weight < LEAST_WEIGHT) {
    return [{
      origin,
      message: `OCI has no weight of disks below ${LEAST_WEIGHT}: ${weight} is left out`,
      fix: `weight: ${LEAST_WEIGHT}`,
    }];
  }
  if (!knobs.some(({ file, unified }) => unified && file.startsWith("io."))) return [];
  return [{
    origin,
    message: "OCI's weight of disks is that of the BFQ scheduler: where io.cost shares a disk, " +
      "runtimes write another number to io.weight",
    fix: `"unified": {"io.weight": "default ${weight}"} in its place, on a kernel without BFQ`,
  }];
}

export function hugetlbToOci(
  { hugetlb = {} }: DesiredLimits,
): Pick<OciResources, "hugepageLimits"> {
  const limits = Object.entries(hugetlb).map(([pageSize, limit]) => ({ pageSize, limit }));
  return limits.length === 0 ? {} : { hugepageLimits: limits };
}

export function rdmaToOci({ rdma = {} }: DesiredLimits): Pick<OciResources, "rdma"> {
  const entries = Object.entries(rdma).map(([device, { handles, objects }]) =>
    [device, {
      ...(handles === undefined ? {} : { hcaHandles: handles }),
      ...(objects === undefined ? {} : { hcaObjects: objects }),
    }] as const
  );
  return entries.length === 0 ? {} : { rdma: Object.fromEntries(entries) };
}

/** The kernel takes a resource at a time, and `unified` writes a file once. */
export function miscToOci(
  { limits, origins }: DesiredContainer,
  { knobs }: OciFacts,
): Said<Readonly<Record<string, string>>> {
  const said = knobs.find(({ file, unified }) => unified && file === "misc.max");
  const names = Object.keys(limits.misc ?? {});
  const lost = said === undefined ? names : names.slice(1);
  return {
    part: said === undefined ? {} : { "misc.max": said.value },
    losses: lost.map((name) => ({
      origin: originOf(origins, "limits/misc", "limits"),
      message: `OCI has no limit of the misc controller: ${name} is not held`,
      fix: "write it to misc.max of the container's group",
    })),
  };
}

export function deviceLimitsToOci({ devices }: OciFacts): Pick<OciResources, "devices"> {
  if (devices === undefined) return {};
  return { devices: [{ allow: false, access: "rwm" }, ...devices.rules] };
}

/** Huge pages and RDMA; disks and devices are numbers there and paths here. */
export function deviceLimitsFromOci(document: Document): Pick<LimitsSpec, "hugetlb" | "rdma"> {
  const pages = document.peek("linux", "resources", "hugepageLimits");
  const hugetlb: Record<string, string> = {};
  const list = Array.isArray(pages)
    ? pages as readonly { pageSize?: unknown; limit?: unknown }[]
    : [];
  list.forEach(({ pageSize, limit }, index) => {
    if (!isText(pageSize) || !isNumber(limit) || !/^[0-9]+[KMG]B$/.test(pageSize)) return;
    document.take("linux", "resources", "hugepageLimits", index);
    hugetlb[pageSize] = `${limit}B`;
  });
  const rdma = rdmaFromOci(document);
  return {
    ...(Object.keys(hugetlb).length === 0 ? {} : { hugetlb }),
    ...(rdma === undefined ? {} : { rdma }),
  };
}

function rdmaFromOci(document: Document): LimitsSpec["rdma"] {
  const value = document.peek("linux", "resources", "rdma");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.keys(value).map((device) => {
    const read = (key: string): number | undefined => {
      const number = document.take("linux", "resources", "rdma", device, key);
      return isNumber(number) ? number : undefined;
    };
    const [handles, objects] = [read("hcaHandles"), read("hcaObjects")];
    return [device, {
      ...(handles === undefined ? {} : { handles }),
      ...(objects === undefined ? {} : { objects }),
    }] as const;
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
