/** Desired + Host + Answers → Plan. Pure: the same three always give the same plan. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Answers, Host } from "../plan/host.ts";
import type { Ask } from "../plan/ops/ask.ts";
import type { Namespace } from "../plan/ops/namespace.ts";
import type { Op } from "../plan/ops/registry.ts";
import type { CommandSummary, Loss, Plan } from "../plan/plan.ts";
import { compileFiles, copiesFiles } from "./files.ts";
import { compileKernelFs } from "./kernel_fs.ts";
import { type CompiledLimits, compileLimits } from "./limits/compile.ts";
import { deviceNodes } from "./limits/devices.ts";
import { type CompiledJoins, compileJoins, timeOps } from "./namespaces.ts";
import { groupsHost, makeRoom, roomOp } from "./limits/delegated.ts";
import { holdOps, imageOf, layerLosses, settleLayers, unpackOps } from "./layers.ts";
import { DEFAULT, originOf } from "./origin.ts";
import {
  compileProcesses,
  executesInit,
  hasInit,
  isTetheredAgain,
  passedFiles,
  signalNumber,
} from "./process.ts";
import { type CompiledRootfs, compileRootfs } from "./rootfs/compile.ts";
import type { LayerIds } from "./rootfs/mapped.ts";
import { compileSecrets } from "./secrets.ts";
import { terminalOps, terminalStage, watchedTerminal } from "./terminal.ts";
import { compileVolumes } from "./volumes.ts";
import { type CompiledUserns, compileUserns } from "./userns.ts";

/** Throws HostError when this machine cannot give what the container asks for. */
export function compile(wanted: DesiredContainer, host: Host, answers: Answers): Plan {
  const plan = compileSettled(settleLayers(wanted, answers.layers), host, answers);
  if (answers.layers === undefined) return plan;
  return {
    ...plan,
    ops: [...unpackOps(answers.layers), ...plan.ops],
    losses: [...layerLosses(answers.layers), ...plan.losses],
    ...imageOf(wanted, answers.layers),
  };
}

/** Of a container whose layers are all directories or image files. */
function compileSettled(asked: DesiredContainer, host: Host, answers: Answers): Plan {
  const parts = compileParts(asked, host, answers);
  const { container, limits, asks } = parts;
  return {
    version: 1,
    container: container.name,
    instance: answers.instance,
    ops: inOrder(parts, answers),
    losses: [
      ...limits.losses,
      ...parts.userns.losses,
      ...parts.joins.losses,
      ...parts.rootfs.losses,
      ...policyLosses(container),
    ],
    summary: {
      limits: limits.text,
      blame: limits.blame,
      policy: policyText(container),
      commands: container.commands.map(commandSummary),
      ...(asks.length === 0 ? {} : { asks }),
      ...(parts.files.copies === undefined ? {} : { copies: parts.files.copies }),
      stop: { signal: signalNumber(container), graceMs: container.stop.graceMs },
      ...(container.tty && container.stdin ? { terminal: true } : {}),
    },
  };
}

type Parts = ReturnType<typeof compileParts>;

function compileParts(asked: DesiredContainer, host: Host, answers: Answers) {
  const joins = compileJoins(asked, host);
  // In a network of others there is nothing to be made, as in the host's.
  const container: DesiredContainer = joins.joined.has("net")
    ? { ...asked, network: { ...asked.network, mode: "host" } }
    : asked;
  const limits = compileLimits(container, groupsHost(host), answers);
  const userns = compileUserns(container, host, answers);
  const room = makeRoom(container, host, limits);
  const asks: readonly Ask[] = [room, userns.maps].filter((ask) => ask !== undefined);
  return {
    container,
    joins,
    limits,
    userns,
    room,
    asks,
    inside: userns.inside,
    rootfs: compileRootfs(container, { host: userns.inside, ids: layerIds(host, userns) }, answers),
    volumes: compileVolumes(container, { host, outside: userns.outside }, answers),
    secrets: compileSecrets(container, answers),
    files: compileFiles(
      container,
      { host, outside: userns.outside, passed: passedFiles(container) },
      answers,
    ),
  };
}

/** Root alone can show files under other ids. */
function layerIds({ privileged }: Host, { maps }: CompiledUserns): LayerIds | undefined {
  if (!privileged || maps === undefined) return undefined;
  const { uids, gids } = maps;
  return { uids, gids };
}

/** The stage's operations, then the container's, then those of each command. */
function inOrder(parts: Parts, answers: Answers): readonly Op[] {
  const { container, files, inside, joins, limits, rootfs, secrets, userns, volumes } = parts;
  const { announce } = answers;
  return [
    ...beginOps(container, inside, answers),
    ...holdOps(answers.layers),
    ...rootfs.stage,
    ...volumes.stage,
    ...(parts.room === undefined ? [] : [roomOp(parts.room, 0)]),
    ...limits.stage,
    ...userns.claim,
    ...joins.stage,
    cloneOp(container, userns, { limits, joins, announce }),
    ...askOps(parts.asks),
    ...timeOps(container),
    ...firstOps(container, userns, answers),
    ...limits.container,
    ...cgroupNamespace(limits, joins),
    ...(joins.joined.has("uts") ? [] : hostnameOps(container)),
    ...networkOps(container),
    { where: "container", origin: DEFAULT, kind: "mount.private", id: "mounts/private" },
    ...secrets.room,
    ...rootfs.container,
    ...compileKernelFs(container, inside, limits.groups),
    ...deviceNodes(container, answers),
    ...terminalOps(container, answers),
    // Last: what others can change meanwhile must not be there when the kernel's own file systems are mounted and masked.
    ...volumes.container,
    ...secrets.files,
    ...readOnlyRoot(container, rootfs.readOnly),
    pivotOp(rootfs, secrets.room.length),
    ...files.before,
    ...untetherOps(answers),
    ...compileProcesses(container, inside, answers),
    watchOp(container, answers),
    ...limits.after,
    ...files.after,
  ];
}

/** The stage's first acts; then the input that the container is to have, where it is not the runner's. */
function beginOps(container: DesiredContainer, inside: Host, answers: Answers): readonly Op[] {
  const origin = originOf(container, "stdin");
  return [
    {
      where: "stage",
      origin: DEFAULT,
      kind: "prepare",
      id: "stage/prepare",
      announce: answers.announce,
      ...passedOf(container),
      ...(executesInit(container, inside, answers) ? { again: true } as const : {}),
    },
    ...(container.stdin ? [] : [{ kind: "stdin", id: "stdin", where: "stage", origin } as const]),
    ...terminalStage(container, answers),
  ];
}

function cloneOp(
  container: DesiredContainer,
  userns: CompiledUserns,
  { limits, joins, announce }: {
    readonly limits: CompiledLimits;
    readonly joins: CompiledJoins;
    readonly announce: boolean;
  },
): Op {
  const namespaces: Namespace[] = userns.fresh ? ["user"] : [];
  namespaces.push("mount", "pid");
  if (container.network.mode === "none") namespaces.push("net");
  namespaces.push("uts", "ipc");
  // v1 groups are joined by the child itself: only then can its namespace be rooted at them.
  if (limits.container.length === 0) namespaces.push("cgroup");
  const own = namespaces.filter((name) => !joins.joined.has(name));
  return {
    kind: "clone",
    id: "namespaces",
    where: "stage",
    origin: DEFAULT,
    namespaces: own,
    announce,
    ...(userns.maps === undefined ? {} : { gate: true }),
    ...(limits.group === undefined ? {} : { group: limits.group }),
    ...passedOf(container),
  };
}

/** The last is the socket that its root is given away through. */
function passedOf(container: DesiredContainer): { readonly passed?: number } {
  const passed = passedFiles(container) + (copiesFiles(container) ? 1 : 0);
  return passed === 0 ? {} : { passed };
}

function cgroupNamespace(limits: CompiledLimits, { joined }: CompiledJoins): readonly Op[] {
  if (limits.container.length === 0 || joined.has("cgroup")) return [];
  return [{ kind: "unshare.cgroup", id: "namespaces/cgroup", where: "container", origin: DEFAULT }];
}

/** Ids before anything else: without them nothing can be owned; then the tether, which ends the time of being traced. */
function firstOps(
  container: DesiredContainer,
  userns: CompiledUserns,
  answers: Answers,
): readonly Op[] {
  const { oomScoreAdj } = container.process;
  return [
    ...userns.first,
    ...(oomScoreAdj === undefined ? [] : [
      {
        kind: "oom_score",
        id: "oomScoreAdj",
        where: "container",
        origin: originOf(container, "process/oomScoreAdj"),
        value: oomScoreAdj,
      } as const,
    ]),
    {
      kind: "tether",
      id: "container/tether",
      where: "container",
      origin: DEFAULT,
      ...(isTetheredAgain(container, answers) ? { keeps: true } : {}),
    },
    { kind: "keyring", id: "container/keyring", where: "container", origin: DEFAULT },
  ];
}

/** The runner's part, right after clone3: what the stage asks it for, by its place in `asks`. */
function askOps(asks: readonly Ask[]): readonly Op[] {
  return asks.flatMap((ask, index): readonly Op[] =>
    ask.kind === "maps"
      ? [{
        kind: "idmap.ask",
        id: "namespaces/maps",
        where: "stage",
        origin: ask.origin,
        index,
        ask,
      }]
      : []
  );
}

function pivotOp(rootfs: CompiledRootfs, below: number): Op {
  const stacked = below + (rootfs.container[0]?.kind === "mount.overlay" ? 2 : 1);
  return { where: "container", origin: DEFAULT, kind: "pivot", id: "mounts/pivot", stacked };
}

function hostnameOps(container: DesiredContainer): readonly Op[] {
  const origin = originOf(container, "hostname");
  return [{
    kind: "hostname",
    id: "hostname",
    where: "container",
    origin,
    name: container.hostname,
  }];
}

function networkOps(container: DesiredContainer): readonly Op[] {
  if (container.network.mode === "host") return [];
  const origin = originOf(container, "network");
  return [{ kind: "loopback", id: "network/lo", where: "container", origin }];
}

function readOnlyRoot(container: DesiredContainer, readOnly: boolean): readonly Op[] {
  if (!readOnly) return [];
  const origin = originOf(container, "rootfs/writable", "rootfs");
  return [{ kind: "mount.readonly", id: "rootfs/readonly", where: "container", origin, at: "/" }];
}

/** With an init each command has its own time; without one the stage watches the clock. */
function watchOp(container: DesiredContainer, answers: Answers): Op {
  const timeoutMs = hasInit(container) ? undefined : container.commands[0]?.timeoutMs;
  return {
    kind: "watch",
    id: "stage/watch",
    where: "stage",
    origin: timeoutMs === undefined ? DEFAULT : `${container.commands[0]?.origin}/timeout`,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(answers.detached === undefined ? {} : { detachable: true }),
    ...(answers.announce ? { announce: true } : {}),
    ...watchedTerminal(container),
  };
}

function untetherOps({ detached }: Answers): readonly Op[] {
  if (detached === undefined) return [];
  return [{ kind: "untether", id: "container/untether", where: "container", origin: DEFAULT }];
}

function policyLosses(container: DesiredContainer): readonly Loss[] {
  if (!container.policy.isDefault) return [];
  return [{
    code: "DEFAULT_POLICY_NOT_ENFORCED",
    origin: DEFAULT,
    message: "the default policy (build + network) is not enforced yet: no seccomp, no Landlock",
    fix: "say `policy: none` to acknowledge it",
  }];
}

export function policyText(container: DesiredContainer): string {
  return container.policy.isDefault ? "policy not enforced yet" : "policy none";
}

export function commandSummary(
  command: DesiredContainer["commands"][number],
  index: number,
): CommandSummary {
  return {
    name: command.name ?? `commands[${index}]`,
    origin: command.origin,
    program: command.exec[0] ?? "",
  };
}
