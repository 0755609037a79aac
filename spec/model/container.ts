import { checkText } from "../text/strings.ts";
import { join, type Value } from "../text/tree.ts";
import { normaliseCommands } from "./command.ts";
import { containerPath, type Context, type Part } from "./context.ts";
import { normaliseInputs, normaliseOutputs } from "./copies.ts";
import { joinedDependencies, normaliseDependsOn, type Siblings } from "./depends.ts";
import type { DesiredCommand, DesiredContainer } from "./desired.ts";
import { normaliseLimits } from "./limits.ts";
import { normaliseJoin, normaliseTime } from "./namespaces.ts";
import { normaliseNetwork } from "./network.ts";
import { normalisePolicy } from "./policy.ts";
import { normaliseProcess } from "./process.ts";
import { normaliseRootfs } from "./rootfs.ts";
import type { ContainerKeys } from "./spec_type.ts";
import { normaliseLogs } from "./logs.ts";
import { normaliseStop } from "./stop.ts";
import { normaliseSecrets } from "./secrets.ts";
import { normaliseHealthcheck, normaliseRestart } from "./supervision.ts";
import { normaliseSysctls } from "./sysctls.ts";
import { type DeclaredVolumes, normaliseVolumes } from "./volumes.ts";
import { normaliseUser, normaliseUserns } from "./user.ts";

/** The origin of a command that the caller gave in place of the spec's last one. */
export const FROM_COMMAND_LINE = "command line";

export interface ContainerOptions {
  readonly name: string;
  /** All containers of the file by name, this one too. */
  readonly siblings: Siblings;
  /** What a root of its own on disk is called. */
  readonly keptAs: string;
  /** Named volumes of the file. */
  readonly volumes: DeclaredVolumes;
  /** argv that replaces the last command. */
  readonly command?: readonly string[] | undefined;
  /** False for a key that the schema already found faulty: its default stands in, so that the rest is still checked. */
  readonly isSound: (pointer: string) => boolean;
  /** An unknown key was reported: it may well be the commands by another name, so their absence is not. */
  readonly hasUnknownKey: boolean;
}

/** The keys of one container → what is wanted, every default filled in. */
export function normaliseContainer(
  context: Context,
  part: Part<ContainerKeys>,
  options: ContainerOptions,
): DesiredContainer {
  const { pointer } = part;
  const value = keepSound(part, options);
  const at = <Key extends keyof ContainerKeys>(key: Key): Part<ContainerKeys[Key]> => ({
    value: value[key],
    pointer: join(pointer, key),
  });
  const commands = readCommands(context, part, { ...options, value });
  const { workdir } = value;
  const time = normaliseTime(context, at("time"));
  const joined = normaliseJoin(context, at("join"), value);
  const dependsOn = normaliseDependsOn(context, at("dependsOn"), options);
  const healthcheck = normaliseHealthcheck(context, at("healthcheck"));
  checkUpdate(context, { value, pointer });
  return {
    name: options.name,
    rootfs: normaliseRootfs(context, at("rootfs"), options.keptAs),
    volumes: normaliseVolumes(context, at("volumes"), options.volumes),
    secrets: normaliseSecrets(context, at("secrets")),
    commands,
    environment: { ...value.environment },
    workdir: containerPath(context, { value: workdir ?? "/", pointer: join(pointer, "workdir") }),
    hostname: value.hostname ?? options.name,
    labels: { ...value.labels },
    user: normaliseUser(context, { value: value.user ?? 0, pointer: join(pointer, "user") }),
    userns: normaliseUserns(context, at("userns")),
    join: joined,
    ...(time === undefined ? {} : { time }),
    // As PID 1 a command would be deaf to `^C`, unless it handles the signal.
    init: value.init ?? (commands.length > 1 || value.tty === true),
    tty: value.tty ?? false,
    stdin: value.stdin ?? value.tty ?? false,
    process: normaliseProcess(context, at("process")),
    sysctls: normaliseSysctls(context, at("sysctls")),
    limits: normaliseLimits(context, at("limits")),
    network: normaliseNetwork(value.network),
    policy: normalisePolicy(context, at("policy")),
    stop: normaliseStop(context, at("stop")),
    logs: normaliseLogs(context, at("logs")),
    inputs: normaliseInputs(context, at("inputs")),
    outputs: normaliseOutputs(context, at("outputs")),
    dependsOn: [
      ...dependsOn,
      ...joinedDependencies(context, { value: joined, pointer: join(pointer, "join") }, options)
        .filter(({ container }) => !dependsOn.some((one) => one.container === container)),
    ],
    restart: normaliseRestart(context, at("restart")),
    ...(healthcheck === undefined ? {} : { healthcheck }),
    update: value.update ?? "stopFirst",
    profiles: value.profiles ?? [],
    origins: listOrigins(part),
  };
}

/** Two at a time can't share what only one can have. */
function checkUpdate(context: Context, { value, pointer }: Part<ContainerKeys>): void {
  if (value.update !== "startFirst" || value.rootfs?.writable !== "disk") return;
  context.report({
    code: "CONTRADICTION",
    message:
      "`startFirst` with `writable: disk`: the old and the new container can't both have the disk",
    pointer: join(pointer, "update"),
    note: "say stopFirst, or keep the data in a volume",
  });
}

function keepSound(
  { value, pointer }: Part<ContainerKeys>,
  options: ContainerOptions,
): ContainerKeys {
  const entries = Object.entries(value).filter(([key]) => options.isSound(join(pointer, key)));
  return Object.fromEntries(entries);
}

function readCommands(
  context: Context,
  part: Part<ContainerKeys>,
  { value, command }: ContainerOptions & { readonly value: ContainerKeys },
): readonly DesiredCommand[] {
  const pointer = join(part.pointer, "commands");
  const said = normaliseCommands(context, { value: value.commands ?? [], pointer });
  if (command !== undefined) {
    const replaced = replaceCommand(context, { value: command, pointer });
    return [...said.slice(0, -1), replaced];
  }
  const layers = value.rootfs?.layers ?? [];
  const hasImage = layers.some((layer) => "image" in layer && (layer.at ?? "/") === "/");
  if (!hasImage) checkArguments(context, said);
  return said;
}

function checkArguments(context: Context, commands: readonly DesiredCommand[]): void {
  for (const { entrypoint, origin } of commands) {
    if (entrypoint !== true) continue;
    context.report({
      code: "CONTRADICTION",
      message: "`args` are for an image's entrypoint, and no layer at / is an image",
      pointer: join(origin, "args"),
      part: "key",
      note: "name the program: exec: [PROGRAM, ARGUMENT]",
    });
  }
}

function replaceCommand(
  context: Context,
  { value, pointer }: Part<readonly string[]>,
): DesiredCommand {
  if (value.length === 0 || value[0] === "") {
    context.report({ code: "EMPTY_PROGRAM", message: "the command is empty", pointer });
  }
  for (const word of value) {
    const problem = checkText(word);
    if (problem === undefined) continue;
    context.report({ code: problem.code, message: `${problem.message}, in the command`, pointer });
  }
  return { exec: [...value], shell: false, once: false, origin: FROM_COMMAND_LINE };
}

/** `limits` → `/limits`, `limits/memory` → `/limits/memory`: each key that is written, and those of a map in it. */
function listOrigins({ value, pointer }: Part<ContainerKeys>): Readonly<Record<string, string>> {
  const origins: Record<string, string> = {};
  for (const [key, item] of Object.entries(value) as [string, Value][]) {
    if (key.startsWith("x-")) continue;
    origins[key] = join(pointer, key);
    if (typeof item !== "object" || item === null || Array.isArray(item)) continue;
    for (const inner of Object.keys(item)) origins[`${key}/${inner}`] = join(pointer, key, inner);
  }
  return origins;
}
