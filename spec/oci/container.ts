/** A container ⇄ `config.json`, put together from its subjects. */
import type { DesiredContainer } from "../model/desired.ts";
import type { ContainerSpec } from "../model/spec_type.ts";
import type { Value } from "../text/tree.ts";
import { commandFromOci, commandToOci } from "./command.ts";
import type { OciConfig, OciLinux, OciPart, OciProcess } from "./config.ts";
import { openDocument } from "./document.ts";
import { environmentFromOci, labelsFromOci, labelsToOci } from "./environment.ts";
import type { OciBundle, OciFacts, OciImportOptions } from "./facts.ts";
import { LIMITS_IN_OCI, limitsFromOci, limitsToOci } from "./limits.ts";
import type { OciLoss, Said } from "./loss.ts";
import { namespacesFromOci, namespacesToOci } from "./namespaces.ts";
import { networkToOci } from "./network.ts";
import { policyFromOci, policyToOci } from "./policy.ts";
import { processFromOci, processToOci } from "./process.ts";
import { rlimitsToOci } from "./rlimits.ts";
import { rootfsFromOci, rootfsToOci } from "./rootfs.ts";
import { secretLosses } from "./secrets.ts";
import { stopToOci } from "./stop.ts";
import { sysctlsFromOci, sysctlsToOci } from "./sysctls.ts";
import { userFromOci, usernsFromOci, userToOci } from "./user.ts";
import { volumeLosses } from "./volumes.ts";

/** The oldest version that has most of it; crun and runc take any 1.x. */
const OCI_VERSION = "1.0.0";
/** The first with `unified` and `umask`, and the first with clocks, priorities and mapped mounts. */
const WITH_UNIFIED = "1.0.2";
const WITH_CLOCKS = "1.1.0";

export interface OciExport {
  readonly config: OciConfig;
  readonly bundle: OciBundle;
  readonly losses: readonly OciLoss[];
}

/** Keys of a container that a subject here writes, or says that it can't. */
const SAID = new Set<string>([
  "rootfs",
  "rootfs/layers",
  "rootfs/writable",
  "rootfs/path",
  "commands",
  "environment",
  "workdir",
  "hostname",
  "labels",
  "user",
  "userns",
  "init",
  // A runtime passes the three streams on, whatever the document says.
  "stdin",
  "tty",
  "limits",
  ...LIMITS_IN_OCI.map((key) => `limits/${key}`),
  "network",
  "network/mode",
  "policy",
  "policy/preset",
  "policy/capabilities",
  "process",
  "process/groups",
  "process/umask",
  "process/oomScoreAdj",
  "process/ioPriority",
  "process/scheduler",
  "process/cpuAffinity",
  "process/personality",
  "stop",
  "volumes",
  "secrets",
  // Of the document's reader, not of the container.
  "platform",
  "onUnsupported",
  "name",
]);

/** Maps whose inner keys are the user's own words, or are read as a whole. */
const WHOLE = new Set([
  "environment",
  "labels",
  "stop",
  "secrets",
  "userns",
  "join",
  "time",
  "sysctls",
]);

/** What is wanted, as `config.json`: what it can't say is in `losses`, what must lie beside it in `bundle`. */
export function toOci(container: DesiredContainer, facts: OciFacts): OciExport {
  const rootfs = rootfsToOci(container, facts);
  const all: readonly Said<OciPart>[] = [
    namespacesToOci(container),
    commandToOci(container, facts),
    userToOci(container, facts),
    labelsToOci(container),
    networkToOci(container),
    processToOci(container),
    rlimitsToOci(container),
    sysctlsToOci(container),
    policyToOci(container, facts),
    limitsToOci(container, facts),
    stopToOci(container),
    rootfs,
  ];
  return {
    config: assemble(all.map(({ part }) => part)),
    bundle: rootfs.bundle,
    losses: [
      ...all.flatMap(({ losses }) => losses),
      ...volumeLosses(container),
      ...secretLosses(container),
      ...unsaid(container),
    ],
  };
}

/** A key that was written and that no subject here knows: never left out in silence. */
function unsaid({ origins }: DesiredContainer): readonly OciLoss[] {
  return Object.entries(origins)
    .filter(([key]) => !SAID.has(key) && !WHOLE.has(key.split("/")[0] ?? ""))
    // A map that is lost as a whole is said once.
    .filter(([key]) => !key.includes("/") || SAID.has(key.split("/")[0] ?? ""))
    .map(([key, origin]) => ({
      origin,
      message: `\`${key.replace("/", ".")}\` is not written to config.json`,
    }));
}

function assemble(parts: readonly OciPart[]): OciConfig {
  let process: Partial<OciProcess> = {};
  let linux: OciLinux = {};
  let rest: Omit<OciPart, "process" | "linux"> = {};
  for (const { process: more, linux: other, ...others } of parts) {
    process = { ...process, ...more };
    const namespaces = [...linux.namespaces ?? [], ...other?.namespaces ?? []];
    linux = { ...linux, ...other, namespaces };
    rest = { ...rest, ...others };
  }
  // Sound: the command gives args and cwd, the user its ids, the rootfs the root.
  const config = { ociVersion: OCI_VERSION, process, ...rest, linux } as OciConfig;
  return { ...config, ociVersion: versionOf(config) };
}

function versionOf({ process, linux, mounts = [] }: OciConfig): string {
  const isMapped = mounts.some(({ uidMappings }) => uidMappings !== undefined);
  if (isMapped || process.scheduler || process.ioPriority || linux?.timeOffsets) {
    return WITH_CLOCKS;
  }
  return linux?.resources?.unified === undefined && process.user.umask === undefined
    ? OCI_VERSION
    : WITH_UNIFIED;
}

export interface OciImport {
  /** To be loaded like any other: `loadObject(spec, …)` checks it and gives what is wanted. */
  readonly spec: ContainerSpec;
  readonly losses: readonly OciLoss[];
}

/** `config.json` (parsed) as a spec. */
export function fromOci(config: Value, options: OciImportOptions): OciImport {
  const document = openDocument(config);
  document.take("ociVersion");
  document.take("linux", "cgroupsPath");
  const { keys: namespaces, losses: shared } = namespacesFromOci(document);
  const { policy, losses: rights } = policyFromOci(document);
  const { losses: roots, ...rootfs } = rootfsFromOci(document, options);
  const spec = {
    ...rootfs,
    ...commandFromOci(document),
    ...environmentFromOci(document),
    ...labelsFromOci(document),
    ...userFromOci(document),
    ...usernsFromOci(document),
    ...processFromOci(document),
    ...sysctlsFromOci(document),
    ...limitsFromOci(document),
    ...namespaces,
    policy,
  };
  return { spec, losses: [...shared, ...rights, ...roots, ...document.rest()] };
}
