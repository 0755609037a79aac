import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredSysctl } from "./desired.ts";
import { byType, type Schema } from "./fragment.ts";

/** Parameters that belong to a namespace: the container's own, whatever they are set to. All others are the machine's. */
const NAMESPACED: readonly (readonly [RegExp, DesiredSysctl["namespace"]])[] = [
  [/^net\/[a-z]/, "network"],
  [/^kernel\/(shm[a-z_]+|msg[a-z_]+|sem|auto_msgmni)$/, "ipc"],
  [/^fs\/mqueue\/[a-z_]+$/, "ipc"],
  [/^kernel\/domainname$/, "uts"],
];

export const SYSCTLS_SCHEMA: Schema = {
  title: "Kernel parameters",
  description:
    "Name as sysctl(8) spells it → value. Only those that each container has for itself: `net.*` (with a network of its own), `kernel.shm*`, `kernel.msg*`, `kernel.sem`, `fs.mqueue.*`, `kernel.domainname`.",
  type: "object",
  propertyNames: {
    pattern: "^[a-z0-9_]+([./][A-Za-z0-9_.:-]+)+$",
    maxLength: 255,
    "x-expects": "a name such as net.core.somaxconn",
  },
  additionalProperties: byType({
    string: { minLength: 1, maxLength: 4000, pattern: "^[ -~\\t]+$" },
    integer: {},
  }, { "x-expects": "a number or text" }),
  examples: [{ "net.core.somaxconn": 1024, "kernel.sem": "250 32000 32 128" }],
  "x-expects": "a map such as {net.core.somaxconn: 1024}",
};

/** `sysctls:` → paths below /proc/sys. What is the machine's is refused by name. */
export function normaliseSysctls(
  context: Context,
  { value = {}, pointer }: Part<Readonly<Record<string, string | number>> | undefined>,
): readonly DesiredSysctl[] {
  return Object.entries(value).flatMap(([name, setting]) => {
    const origin = join(pointer, name);
    const path = pathOf(name);
    const namespace = NAMESPACED.find(([pattern]) => pattern.test(path))?.[1];
    const isPath = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    if (namespace === undefined || !isPath) {
      const hostname = path === "kernel/hostname" ? "write it as hostname: NAME" : undefined;
      const note = hostname ?? "a container can set net.*, kernel.shm*, kernel.msg*, kernel.sem, " +
          "fs.mqueue.*, kernel.domainname";
      const message = `${name} belongs to the machine, not to a container`;
      context.report({ code: "NOT_NAMESPACED", message, pointer: origin, part: "key", note });
      return [];
    }
    return [{ path, value: `${setting}`, namespace, origin }];
  });
}

/** As sysctl(8): the first separator says which of `.` and `/` parts the name, the other is a dot in a part. */
function pathOf(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  return separator === "/" ? name : name.replace(/[./]/g, (one) => one === "." ? "/" : ".");
}
