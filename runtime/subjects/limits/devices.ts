import type { DesiredContainer, DesiredLimits } from "../../../spec/model/desired.ts";
import type { DeviceAnswer } from "../../plan/host.ts";
import type { Op } from "../../plan/ops/registry.ts";
import { HostError } from "../../plan/host_error.ts";
import { type DeviceRule, showRule } from "../../plan/ops/device_rules.ts";
import type { Limit, Machine } from "./knob.ts";

/** What every container may use: the nodes that it is given, and its terminals. Documentation/admin-guide/devices.txt. */
const HARMLESS: readonly DeviceRule[] = [
  ...[3, 5, 7, 8, 9].map((minor) => ({ major: 1, minor })),
  { major: 5, minor: 0 },
  { major: 5, minor: 2 },
  { major: 136 },
].map((device) => ({ ...device, type: "character" as const, access: "rwm" }));

/** A container that can make device nodes is kept from those that it was not given (docs/security.md, E6). */
export function devicesFor(container: DesiredContainer): DesiredLimits["devices"] {
  const { capabilities = [] } = container.policy;
  return container.limits.devices ?? (capabilities.includes("MKNOD") ? [] : undefined);
}

/** Nodes that may be opened, and made. v1 has a controller, v2 a program that the kernel asks. */
export const devices: Limit = {
  key: "devices",
  controller: "devices",
  withoutController: true,
  asked: ({ devices }) => devices !== undefined,
  v2: (limits, machine) => [{ rules: rules(limits, machine) }],
  // The list shows what is allowed in the order of writing: read back once, after the last.
  v1(limits, machine) {
    const shown = rules(limits, machine).map(showRule);
    const list = { shownBy: "devices.list", holds: shown.join("\n") };
    return [
      { file: "devices.deny", value: "a" },
      ...shown.map((rule, index) => ({
        file: "devices.allow",
        value: rule,
        ...(index === shown.length - 1 ? list : {}),
      })),
    ];
  },
  text: ({ devices = [] }) =>
    devices.length === 0 ? undefined : `devices ${devices.map(({ device }) => device).join(", ")}`,
};

/** One rule per device, whoever names it twice: the kernel puts equal ones together. */
function rules({ devices = [] }: DesiredLimits, machine: Machine): readonly DeviceRule[] {
  const asked = new Map<string, DeviceRule>();
  for (const { device, access, origin } of devices) {
    const rule = { ...deviceOf(device, machine.answers, origin), access };
    const key = keyOf(rule);
    if (HARMLESS.some((one) => keyOf(one) === key)) continue;
    const both = `${asked.get(key)?.access ?? ""}${access}`;
    asked.set(key, { ...rule, access: [..."rwm"].filter((one) => both.includes(one)).join("") });
  }
  return [...HARMLESS, ...asked.values()];
}

const keyOf = ({ type, major, minor }: DeviceRule): string => `${type} ${major} ${minor}`;

/** Nodes of the devices that were asked for: the host's own by a bind, so that owner and mode are the host's. */
export function deviceNodes(
  container: DesiredContainer,
  answers: Machine["answers"],
): readonly Op[] {
  const { devices = [] } = container.limits;
  const made = new Set(["/dev"]);
  return devices.flatMap(({ device, origin }): readonly Op[] => {
    deviceOf(device, answers, origin);
    const common = { where: "container", origin } as const;
    const above = device.split("/").slice(0, -1)
      .map((_, index, parts) => parts.slice(0, index + 1).join("/"))
      .filter((path) => path !== "" && !made.has(path));
    for (const path of above) made.add(path);
    return [
      ...above.map((path): Op => ({
        ...common,
        kind: "directory",
        id: `devices${path}`,
        path,
        mode: 0o755,
      })),
      {
        ...common,
        kind: "mount.bind",
        id: `devices${device}`,
        source: device,
        at: device,
        target: "file",
        attributes: ["nosuid", "noexec"],
        optional: false,
      },
    ];
  });
}

/** What is at `path` on the host; throws HostError when that is no device. */
export function deviceOf(
  path: string,
  answers: Machine["answers"],
  origin: string,
): DeviceAnswer {
  const answer = answers.devices?.[path];
  if (answer !== undefined && answer !== null) return answer;
  throw new HostError("NO_DEVICE", {
    origin,
    message: `cannot give ${path}: there is no such device on this machine`,
    fix: "load its module, or take it out",
  });
}
