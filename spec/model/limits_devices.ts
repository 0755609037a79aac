import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part, resolveHostPath } from "./context.ts";
import type { DesiredDevice, DesiredIo } from "./desired.ts";
import { byType, HOST_PATH, list, map, type Schema, SIZE } from "./fragment.ts";
import { readSize } from "./quantity.ts";
import type { DeviceSpec, IoLimitSpec } from "./spec_type.ts";

const COUNT: Schema = {
  type: "integer",
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  "x-expects": "a whole number",
};

/** The range of BFQ (include/linux/cgroup-defs.h has 1 to 10000 for io.weight, of which this is a part). */
const WEIGHT: Schema = {
  type: "integer",
  minimum: 1,
  maximum: 1000,
  "x-expects": "a whole number from 1 to 1000",
};

const DEVICE_PATH: Schema = {
  type: "string",
  pattern: "^/dev/[^/]",
  maxLength: 4095,
  "x-expects": "a device such as /dev/sda",
};

export const IO_SCHEMA: Schema = list(
  map({
    device: DEVICE_PATH,
    path: HOST_PATH,
    readBytes: SIZE,
    writeBytes: SIZE,
    readOperations: COUNT,
    writeOperations: COUNT,
    weight: WEIGHT,
  }, {
    minProperties: 1,
    "x-expects": "a map such as {device: /dev/sda, readBytes: 10MiB}",
  }),
  {
    title: "Disk",
    description:
      "Bytes and operations per second and disk; the disk is named by its device, or by a path that lies on it. `weight` is the share where others want the disk too (1 to 1000, default 100; for the BFQ scheduler or io.cost); an entry of a weight alone is for all disks.",
    examples: [[{ device: "/dev/sda", readBytes: "10MiB" }]],
    "x-expects": "a list such as [{device: /dev/sda, readBytes: 10MiB}]",
  },
);

export const DEVICES_SCHEMA: Schema = list(
  byType({
    string: DEVICE_PATH,
    object: map({
      device: DEVICE_PATH,
      access: {
        type: "string",
        pattern: "^(?=.)r?w?m?$",
        default: "rw",
        "x-expects": "r, w, m (mknod) in this order, such as rw",
      },
    }, { required: ["device"] }),
  }, { "x-expects": "a device such as /dev/fuse, or {device: /dev/fuse, access: rw}" }),
  {
    title: "Devices",
    description:
      "Devices that may be used besides the harmless ones (null, zero, full, random, urandom, tty, ptmx, pts), each as a node of the same name in the container. All others are denied.",
    examples: [["/dev/fuse"]],
    "x-expects": "a list such as [/dev/fuse]",
  },
);

export const HUGETLB_SCHEMA: Schema = {
  title: "Huge pages",
  description: "Page size → at most this much, in whole pages.",
  type: "object",
  propertyNames: {
    pattern: "^[0-9]+(KB|MB|GB|KiB|MiB|GiB)$",
    "x-expects": "a page size such as 2MiB",
  },
  additionalProperties: SIZE,
  examples: [{ "2MiB": "64MiB" }],
  "x-expects": "a map such as {2MiB: 64MiB}",
};

export const RDMA_SCHEMA: Schema = {
  title: "RDMA",
  description: "Device → at most this many handles and objects of it.",
  type: "object",
  propertyNames: {
    pattern: "^[A-Za-z0-9_.-]{1,63}$",
    "x-expects": "a device such as mlx5_0",
  },
  additionalProperties: map({ handles: COUNT, objects: COUNT }, {
    minProperties: 1,
    "x-expects": "a map such as {handles: 2, objects: 2000}",
  }),
  examples: [{ mlx5_0: { handles: 2, objects: 2000 } }],
  "x-expects": "a map such as {mlx5_0: {handles: 2}}",
};

export const MISC_SCHEMA: Schema = {
  title: "Other resources",
  description: "Resource of the misc controller (sev, sev_es, sgx_epc, …) → at most this many.",
  type: "object",
  propertyNames: { pattern: "^[a-z0-9_]{1,63}$", "x-expects": "a resource such as sev" },
  additionalProperties: { ...COUNT, minimum: 0 },
  examples: [{ sev: 1 }],
  "x-expects": "a map such as {sev: 1}",
};

/** `io:` → numbers; disks are still named, who they are is asked before the plan is made. */
export function normaliseIo(
  context: Context,
  { value, pointer }: Part<readonly IoLimitSpec[]>,
): readonly DesiredIo[] {
  return value.map((entry, index) => {
    const at = join(pointer, index);
    const { device, path, readOperations, writeOperations, weight } = entry;
    const bytes = (key: "readBytes" | "writeBytes"): number | undefined => {
      const size = entry[key];
      return size === undefined
        ? undefined
        : readSize(context, { value: size, pointer: join(at, key) });
    };
    const limits = Object.entries({
      readBytes: bytes("readBytes"),
      writeBytes: bytes("writeBytes"),
      readOperations,
      writeOperations,
      weight,
    }).filter(([, number]) => number !== undefined);
    if (limits.length === 0) {
      const message = "nothing is limited: say readBytes, writeBytes, … or weight";
      context.report({ code: "BAD_IO", message, pointer: at });
    }
    const onlyWeight = limits.every(([key]) => key === "weight");
    if (device === undefined && path === undefined && !onlyWeight) {
      const message = "which disk? a rate needs `device:` or `path:`";
      context.report({ code: "BAD_IO", message, pointer: at });
    }
    if (device !== undefined && path !== undefined) {
      const message = "`device` and `path` both name the disk: one of them";
      context.report({ code: "BAD_IO", message, pointer: join(at, "path") });
    }
    return {
      ...(device === undefined
        ? {}
        : { device: containerPath(context, { value: device, pointer: join(at, "device") }) }),
      ...(path === undefined
        ? {}
        : { path: resolveHostPath(context, { value: path, pointer: join(at, "path") }) }),
      ...Object.fromEntries(limits),
      origin: at,
    };
  });
}

/** `devices:` → path and access each. */
export function normaliseDevices(
  context: Context,
  { value, pointer }: Part<readonly DeviceSpec[]>,
): readonly DesiredDevice[] {
  return value.map((entry, index) => {
    const origin = join(pointer, index);
    const { device, access = "rw" } = typeof entry === "string" ? { device: entry } : entry;
    return { device: containerPath(context, { value: device, pointer: origin }), access, origin };
  });
}

/** `2MiB` → `2MB`, as the kernel names its files. */
export function normaliseHugetlb(
  context: Context,
  { value, pointer }: Part<Readonly<Record<string, string>>>,
): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {};
  for (const [page, size] of Object.entries(value)) {
    const bytes = readSize(context, { value: size, pointer: join(pointer, page) });
    if (bytes !== undefined) limits[page.replace("iB", "B")] = bytes;
  }
  return limits;
}
