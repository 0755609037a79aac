import { join } from "../text/tree.ts";
import { containerPath, type Context, type Part } from "./context.ts";
import type { DesiredCommand } from "./desired.ts";
import { ENVIRONMENT_SCHEMA } from "./environment.ts";
import { ABSOLUTE_PATH, ARGV, byType, DURATION, list, map, type Schema } from "./fragment.ts";
import { readDuration } from "./quantity.ts";
import type { CommandMap, CommandSpec } from "./spec_type.ts";
import { normaliseUser, USER_SCHEMA } from "./user.ts";

const SHELL: Schema = { type: "string", minLength: 1, "x-expects": "a line for the shell" };

const COMMAND_MAP: Schema = map({
  exec: {
    title: "Program",
    description: "argv: the program and its arguments.",
    ...ARGV,
    examples: [["make", "-j2"]],
  },
  shell: {
    title: "Shell",
    description: "Run by `/bin/sh -ec`.",
    ...SHELL,
    examples: ["make && ls"],
  },
  args: {
    title: "Arguments",
    description: "The image's entrypoint with these arguments.",
    ...ARGV,
    minItems: 0,
    examples: [["--verbose"]],
  },
  name: {
    title: "Name",
    description: "Shown in front of its output and in messages.",
    type: "string",
    pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$",
    examples: ["build"],
    "x-expects": "a name such as build: letters, digits, `_`, `.`, `-`, at most 63",
  },
  workdir: {
    title: "Directory",
    description: "Instead of the container's.",
    ...ABSOLUTE_PATH,
    examples: ["/build"],
  },
  user: { ...USER_SCHEMA, description: `Instead of the container's. ${USER_SCHEMA.description}` },
  environment: { ...ENVIRONMENT_SCHEMA, description: "Added to the container's." },
  timeout: {
    title: "Time limit",
    description: "The command is stopped after this long, which is a failure. Default: none.",
    ...DURATION,
    examples: ["10m"],
  },
  once: {
    title: "Once",
    description: "Not run again when the container restarts.",
    type: "boolean",
    default: false,
    examples: [true],
    "x-expects": "true or false",
  },
}, { oneOf: [{ required: ["exec"] }, { required: ["shell"] }, { required: ["args"] }] });

export const COMMANDS_SCHEMA: Schema = list(
  byType({ array: ARGV, string: SHELL, object: COMMAND_MAP }, {
    "x-expects": "a command: [make, -j2], or a line for the shell, or {exec: […], timeout: 10m}",
  }),
  {
    title: "Commands",
    description:
      "Run in order; each must exit 0; the last is the main process. A list is a program with its arguments, a string is run by `/bin/sh -ec`, a map says more.",
    minItems: 1,
    examples: [["echo hello"], [["make", "-j2"], "test -s dist/index.html"]],
    "x-expects": 'a list such as ["echo hello"] or [[make, -j2]]',
  },
);

/** `commands:` → argv each; `{args}` waits for the image's entrypoint. */
export function normaliseCommands(
  context: Context,
  { value, pointer }: Part<readonly CommandSpec[]>,
): readonly DesiredCommand[] {
  const names = new Map<string, number>();
  return value.map((command, index) => {
    const at = join(pointer, index);
    const normal = normaliseCommand(context, { value: command, pointer: at });
    if (typeof command === "string") checkOption(context, { value: command, pointer: at });
    const first = normal.name === undefined ? undefined : names.get(normal.name);
    if (first !== undefined) {
      const message = `commands[${first}] has the name \`${normal.name}\` too`;
      context.report({ code: "DUPLICATE_NAME", message, pointer: join(at, "name") });
    }
    if (normal.name !== undefined) names.set(normal.name, index);
    return normal;
  });
}

function normaliseCommand(context: Context, { value, pointer }: Part<CommandSpec>): DesiredCommand {
  if (typeof value === "string") {
    return { exec: shell(value), shell: true, once: false, origin: pointer };
  }
  if (!isMap(value)) {
    checkProgram(context, { value, pointer });
    return { exec: value, shell: false, once: false, origin: pointer };
  }
  const isShell = "shell" in value;
  const exec = "shell" in value
    ? shell(value.shell)
    : "exec" in value
    ? value.exec
    : [...value.args];
  if ("exec" in value) checkProgram(context, { value: exec, pointer: join(pointer, "exec") });
  return {
    exec,
    ...("args" in value ? { entrypoint: true as const } : {}),
    shell: isShell,
    once: value.once ?? false,
    origin: pointer,
    ...normaliseOptions(context, { value, pointer }),
  };
}

function normaliseOptions(context: Context, { value, pointer }: Part<CommandMap>) {
  const { name, workdir, user, environment, timeout } = value;
  const timeoutMs = timeout === undefined
    ? undefined
    : readDuration(context, { value: timeout, pointer: join(pointer, "timeout") });
  return {
    ...(name === undefined ? {} : { name }),
    ...(workdir === undefined
      ? {}
      : { workdir: containerPath(context, { value: workdir, pointer: join(pointer, "workdir") }) }),
    ...(user === undefined
      ? {}
      : { user: normaliseUser(context, { value: user, pointer: join(pointer, "user") }) }),
    ...(environment === undefined ? {} : { environment: { ...environment } }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function isMap(command: readonly string[] | CommandMap): command is CommandMap {
  return !Array.isArray(command);
}

function shell(text: string): readonly string[] {
  return ["/bin/sh", "-ec", text];
}

function checkProgram(context: Context, { value, pointer }: Part<readonly string[]>): void {
  if (value[0] !== "") return;
  context.report({
    code: "EMPTY_PROGRAM",
    message: "the program's name is empty",
    pointer: join(pointer, 0),
  });
}

/** `[make, -j2]` below `commands` is two shell lines; that the second is an option shows that one was meant. */
function checkOption(context: Context, { value, pointer }: Part<string>): void {
  if (!/^-{1,2}[A-Za-z0-9]/.test(value)) return;
  context.report({
    code: "OPTION_AS_COMMAND",
    severity: "warning",
    message: `\`${value.split("\n")[0]?.slice(0, 40)}\` is a command of its own here`,
    pointer,
    note: "a program with arguments is a list in the list: commands: [[make, -j2]]",
  });
}
