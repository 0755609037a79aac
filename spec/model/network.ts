import { byType, list, map, notYet, type Schema } from "./fragment.ts";
import type { NetworkMode, NetworkSpec } from "./spec_type.ts";

const WORKS = "What works: none, host.";

const MODE: Schema = {
  enum: ["none", "host", "bridge", "private"],
  "x-not-yet-values": { bridge: WORKS, private: WORKS },
};

const NETWORK_MAP: Schema = map({
  mode: {
    title: "Mode",
    description: "See `network`.",
    type: "string",
    ...MODE,
    default: "none",
    examples: ["host"],
    "x-expects": "none, host, bridge or private",
  },
  ports: notYet(
    list({
      type: "string",
      pattern: "^((\\[[0-9a-fA-F:]+\\]|[0-9.]+):)?([0-9]{1,5}:)?[0-9]{1,5}(/(tcp|udp))?$",
      "x-expects": 'a port such as "8080:80", between quotes',
    }, {
      title: "Published ports",
      description:
        '`"8080:80"` binds 127.0.0.1 and ::1, `"80"` a random port, `"0.0.0.0:8080:80"` says the address.',
      examples: [["8080:80"]],
      "x-expects": 'a list such as ["8080:80"]',
    }),
    "What works: mode: host.",
  ),
  egress: notYet(
    byType({
      string: { enum: ["any"] },
      array: list({
        type: "string",
        minLength: 1,
        "x-expects": "a destination such as example.org:443",
      }),
    }, {
      title: "Outgoing",
      description:
        "Where connections may go: absent = nowhere, `any`, or a list of name:port and networks.",
      examples: ["any", ["registry.npmjs.org:443", "10.0.0.0/8"]],
      "x-expects": 'any, or a list such as ["example.org:443"]',
    }),
    WORKS,
  ),
  dns: notYet(
    list({ type: "string", minLength: 1, "x-expects": "an address such as 9.9.9.9" }, {
      title: "Name servers",
      description: "Instead of the host's.",
      examples: [["9.9.9.9"]],
      "x-expects": "a list such as [9.9.9.9]",
    }),
    WORKS,
  ),
  names: notYet({
    title: "Names",
    description: "Host name → address, besides the containers of the file.",
    type: "object",
    additionalProperties: { type: "string", "x-expects": "an address such as 10.0.0.5" },
    examples: [{ registry: "10.0.0.5" }],
    "x-expects": "a map such as {registry: 10.0.0.5}",
  }, WORKS),
});

export const NETWORK_SCHEMA: Schema = byType({ string: MODE, object: NETWORK_MAP }, {
  title: "Network",
  description:
    "`none`: only the loopback. `host`: the host's own network. `bridge`: with the other containers and out. `private`: only with the other containers of the file. Default for a single container: `none`.",
  default: "none",
  examples: ["none", "host"],
  "x-expects": "none, host, or a map such as {mode: host}",
});

/** `network:` → the mode. What is not built yet was refused before and counts as `none` here. */
export function normaliseNetwork(
  value: NetworkMode | NetworkSpec | undefined,
): { mode: "none" | "host" } {
  const mode = typeof value === "object" ? value.mode : value;
  return { mode: mode === "host" ? "host" : "none" };
}
