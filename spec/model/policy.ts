import { CAPABILITIES } from "../../ffi/abi/capability.ts";
import { suggest } from "../text/suggest.ts";
import { join } from "../text/tree.ts";
import type { Context, Part } from "./context.ts";
import type { DesiredCapabilitySets, DesiredPolicy } from "./desired.ts";
import { ABSOLUTE_PATH, byType, list, map, notYet, type Schema } from "./fragment.ts";
import type { CapabilitySetsSpec, PolicyPreset, PolicySpec } from "./spec_type.ts";

/** Presets add up; these two are what a container without a word about it gets. */
const DEFAULT_PRESETS: readonly PolicyPreset[] = ["build", "network"];
const WORKS = "What works: leave it out for the default, or none, or {capabilities: […]}.";

const PRESET: Schema = {
  enum: ["none", "minimal", "build", "network", "custom"],
  "x-not-yet-values": { minimal: WORKS, build: WORKS, network: WORKS, custom: WORKS },
};
const PRESET_LIST: Schema = list(
  { type: "string", ...PRESET, "x-expects": "the name of a preset" },
  { minItems: 1, uniqueItems: true },
);
const PRESETS: Schema = byType({ string: PRESET, array: PRESET_LIST }, {
  "x-expects": "none, minimal, build, network, custom, or a list of them",
});

const SYSCALLS: Schema = list({
  type: "string",
  pattern: "^[a-z0-9_]+$",
  "x-expects": "a system call such as bpf",
}, {
  examples: [["bpf"]],
  "x-expects": "a list such as [bpf]",
});
const ACCESS: Schema = { enum: ["read", "write", "execute", "all"] };

const CAPABILITY_LIST: Schema = list(
  { type: "string", "x-expects": "a capability such as NET_ADMIN" },
  { uniqueItems: true, "x-expects": "a list such as [NET_BIND_SERVICE]" },
);
const setOf = (title: string, description: string, example: readonly string[]): Schema => ({
  ...CAPABILITY_LIST,
  title,
  description,
  examples: [example],
});

/** capabilities(7): the sets of a process after it executed the command. */
const CAPABILITY_SETS: Schema = map({
  bounding: setOf("Bounding", "What no process of the container can go beyond.", ["CHOWN"]),
  permitted: setOf(
    "Permitted",
    "What the command has. Default: for root the bounding set, for others the ambient one; execve(2) leaves others no more.",
    ["CHOWN"],
  ),
  effective: setOf(
    "Effective",
    "What is in force at once: after execve(2) that is the permitted set, so it is the same or is left out.",
    ["CHOWN"],
  ),
  inheritable: setOf(
    "Inheritable",
    "What files of capabilities and the ambient set may add to. Default: the ambient set.",
    [],
  ),
  ambient: setOf(
    "Ambient",
    "What a command of another user than root keeps. Default: none.",
    [],
  ),
}, { required: ["bounding"] });

const POLICY_MAP: Schema = map({
  preset: {
    ...PRESETS,
    title: "Preset",
    description: "What the rest is added to.",
    default: DEFAULT_PRESETS,
    examples: ["none"],
  },
  capabilities: byType({ array: CAPABILITY_LIST, object: CAPABILITY_SETS }, {
    title: "Capabilities",
    description:
      "The capabilities that the commands have, with or without `CAP_`, whoever their user is; an empty list is none. Absent: root has the default set, others none. A map says each set by itself.",
    examples: [["NET_BIND_SERVICE"], [], {
      bounding: ["CHOWN", "NET_BIND_SERVICE"],
      ambient: ["NET_BIND_SERVICE"],
    }],
    "x-expects": "a list such as [NET_BIND_SERVICE], or a map of sets",
  }),
  syscalls: notYet(
    map({ allow: SYSCALLS, deny: SYSCALLS }, {
      title: "System calls",
      description: "Allowed and denied besides the preset.",
      examples: [{ deny: ["bpf"] }],
      "x-expects": "a map such as {deny: [bpf]}",
    }),
    WORKS,
  ),
  paths: notYet(
    list(
      map({
        path: ABSOLUTE_PATH,
        access: byType({ string: ACCESS, array: list({ type: "string", ...ACCESS }) }, {
          "x-expects": "read, write, execute, all, or a list of them",
        }),
      }, { required: ["path", "access"] }),
      {
        title: "Paths",
        description: "What may be done below a path.",
        examples: [[{ path: "/srv", access: "read" }]],
        "x-expects": "a list such as [{path: /srv, access: read}]",
      },
    ),
    WORKS,
  ),
});

export const POLICY_SCHEMA: Schema = byType({
  string: PRESET,
  array: PRESET_LIST,
  object: POLICY_MAP,
}, {
  title: "Policy",
  description:
    "What the container may ask of the kernel: a preset, a list of presets (they add up), or a map that says more. `none` switches it off and must be said.",
  default: DEFAULT_PRESETS,
  examples: ["none", { capabilities: ["NET_BIND_SERVICE"] }],
  "x-expects": "a preset such as none, or a map such as {capabilities: […]}",
});

/** `policy:` → presets and capabilities; nothing said is the default, which `isDefault` marks. */
export function normalisePolicy(
  context: Context,
  { value, pointer }: Part<PolicyPreset | readonly PolicyPreset[] | PolicySpec | undefined>,
): DesiredPolicy {
  const isMap = isPolicyMap(value);
  const said = isMap ? value.preset : value;
  const presets = said === undefined ? DEFAULT_PRESETS : typeof said === "string" ? [said] : said;
  if (presets.includes("none") && presets.length > 1) {
    const at = isMap ? join(pointer, "preset") : pointer;
    const message = "`none` together with other presets";
    context.report({ code: "CONTRADICTION", message, pointer: at, note: "say one or the other" });
  }
  const policy = {
    presets: presets.filter((preset) => preset !== "none"),
    isDefault: said === undefined,
  };
  if (!isMap || value.capabilities === undefined) return policy;
  const at = join(pointer, "capabilities");
  const asked = value.capabilities;
  if (isList(asked)) {
    return { ...policy, capabilities: readCapabilities(context, { value: asked, pointer: at }) };
  }
  return { ...policy, ...readSets(context, { value: asked, pointer: at }) };
}

const isList = (value: PolicySpec["capabilities"]): value is readonly string[] =>
  Array.isArray(value);

const SETS = ["permitted", "effective", "inheritable", "ambient"] as const;

/** Each set within those that the kernel holds it within. */
function readSets(
  context: Context,
  { value, pointer }: Part<CapabilitySetsSpec>,
): Pick<DesiredPolicy, "capabilities" | "sets"> {
  const read = (name: keyof CapabilitySetsSpec): readonly string[] =>
    readCapabilities(context, { value: value[name] ?? [], pointer: join(pointer, name) });
  const bounding = read("bounding");
  const sets: DesiredCapabilitySets = Object.fromEntries(
    SETS.filter((name) => value[name] !== undefined).map((name) => [name, read(name)]),
  );
  const within = (name: typeof SETS[number], other: string, most: readonly string[]): void => {
    sets[name]?.forEach((capability, index) => {
      if (most.includes(capability)) return;
      context.report({
        code: "CONTRADICTION",
        message: `${capability} is in \`${name}\` and not in \`${other}\``,
        pointer: join(pointer, name, index),
        note: `the kernel has no ${name} capability that is not ${other}`,
      });
    });
  };
  within("permitted", "bounding", bounding);
  within("inheritable", "bounding", bounding);
  within("effective", "permitted", sets.permitted ?? bounding);
  within("ambient", "permitted", sets.permitted ?? bounding);
  if (sets.inheritable !== undefined) within("ambient", "inheritable", sets.inheritable);
  return { capabilities: bounding, sets };
}

function isPolicyMap(value: unknown): value is PolicySpec {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readCapabilities(context: Context, { value, pointer }: Part<readonly string[]>): string[] {
  const names = new Set<string>();
  value.forEach((written, index) => {
    const name = written.toUpperCase().replace(/^CAP_/, "");
    const at = join(pointer, index);
    if (!Object.hasOwn(CAPABILITIES, name)) {
      const near = suggest(name, Object.keys(CAPABILITIES));
      const message = `unknown capability \`${written.slice(0, 60)}\``;
      const note = near === undefined ? "capabilities(7) lists them" : `did you mean ${near}?`;
      context.report({ code: "UNKNOWN_CAPABILITY", message, pointer: at, note });
    } else if (names.has(name)) {
      const message = `${name} is said twice`;
      context.report({ code: "DUPLICATE_VALUE", message, pointer: at });
    }
    names.add(name);
  });
  return [...names];
}
