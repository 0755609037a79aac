import { HOST_PATH, map, notYet, type Schema, SIZE } from "./fragment.ts";

export const PLATFORM_SCHEMA: Schema = {
  title: "Platform",
  description:
    "The guest's system. Absent: the machine's own. Another than the machine's runs in a VM.",
  enum: ["linux", "windows"],
  examples: ["linux"],
  "x-expects": "linux or windows",
  "x-not-yet-values": { windows: "What works: linux." },
};

export const VM_SCHEMA: Schema = notYet(
  map({
    driver: { title: "Driver", enum: ["hyperv", "qemu"], examples: ["qemu"] },
    kernel: { title: "Kernel", ...HOST_PATH, examples: ["./vmlinuz"] },
    firmware: { title: "Firmware", ...HOST_PATH, examples: ["./OVMF.fd"] },
    disk: { title: "Disk", description: "Size of the disk.", ...SIZE, examples: ["8GiB"] },
    secureBoot: {
      title: "Secure boot",
      type: "boolean",
      examples: [true],
      "x-expects": "true or false",
    },
  }, {
    title: "Virtual machine",
    description: "How the guest runs where it needs a machine of its own.",
    examples: [{ driver: "qemu" }],
    "x-expects": "a map such as {driver: qemu}",
  }),
  "What works: a Linux container on a Linux machine.",
);

export const ON_UNSUPPORTED_SCHEMA: Schema = {
  title: "When it can't be enforced",
  description:
    "`error`: what was asked for and can't be enforced on this machine ends the start. `warn`: it is reported and left out.",
  enum: ["error", "warn"],
  default: "error",
  examples: ["error"],
  "x-not-yet-values": { warn: "What works: error, the default." },
};
