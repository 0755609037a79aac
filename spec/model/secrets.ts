import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part, resolveHostPath } from "./context.ts";
import type { DesiredSecret } from "./desired.ts";
import { byType, HOST_PATH, map, type Schema } from "./fragment.ts";
import { MODE, modeOf } from "./mode.ts";
import type { SecretSpec } from "./spec_type.ts";
import { placeProblem } from "./volume_place.ts";

const SECRET: Schema = byType({
  string: { maxLength: 65536 },
  object: map({
    file: {
      title: "File",
      description:
        "A file of the host, relative to the spec's directory or absolute, at most 1 MiB.",
      ...HOST_PATH,
      examples: ["./db.secret"],
    },
    value: {
      title: "Value",
      description: "The secret itself.",
      type: "string",
      maxLength: 65536,
      examples: ["hunter2"],
      "x-expects": "text",
    },
    mode: { ...MODE, description: "Permissions in octal, between quotes. Default 0400." },
  }, { oneOf: [{ required: ["file"] }, { required: ["value"] }] }),
}, { "x-expects": "text or {file: PATH}" });

export const SECRETS_SCHEMA: Schema = {
  title: "Secrets",
  description:
    "Path in the container → value, or {file: PATH | value: TEXT, mode}. Each is a file in a private tmpfs, owned by the last command's user. They are never in argv, environment, logs, plan, state or a cache.",
  type: "object",
  propertyNames: { pattern: "^/", "x-expects": "an absolute path such as /run/secrets/db" },
  additionalProperties: SECRET,
  examples: [{ "/run/secrets/db": { file: "./db.secret" } }],
  "x-expects": "a map such as {/run/secrets/db: {file: ./db.secret}}",
};

/** As many descriptors are handed over at a start. */
const SECRETS_MAX = 64;
const DEFAULT_MODE = "0400";

/** `secrets:` → the path, mode and source of each. */
export function normaliseSecrets(
  context: Context,
  { value, pointer }: Part<Readonly<Record<string, string | SecretSpec>> | undefined>,
): readonly DesiredSecret[] {
  const entries = Object.entries(value ?? {});
  if (entries.length > SECRETS_MAX) {
    const message = `${entries.length} secrets are more than ${SECRETS_MAX}`;
    context.report({ code: "BAD_VALUE", message, pointer, note: "put several into one file" });
  }
  const seen = new Set<string>();
  return entries.map(([path, item]) => {
    const origin = join(pointer, path);
    const at = containerPath(context, { value: path, pointer: origin });
    const problem = placeProblem(at);
    if (problem !== undefined) context.report({ ...problem, pointer: origin, part: "key" });
    if (seen.has(at)) {
      const message = `a second secret at ${at} hides the first`;
      context.report({ code: "CONTRADICTION", message, pointer: origin, part: "key" });
    }
    seen.add(at);
    const long = typeof item === "string" ? { value: item } : item;
    const common = { at, mode: modeOf(long.mode ?? DEFAULT_MODE), origin };
    if ("file" in long) {
      const file = resolveHostPath(context, { value: long.file, pointer: join(origin, "file") });
      return { ...common, file };
    }
    return { ...common, value: long.value };
  });
}
