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
import { namespacesFromOci, networkToOci } from "./network.ts";
import { policyFromOci, policyToOci } from "./policy.ts";
import { rootfsFromOci, rootfsToOci } from "./rootfs.ts";
import { secretLosses } from "./secrets.ts";
import { stopToOci } from "./stop.ts";
import { userFromOci, userToOci } from "./user.ts";
import { volumeLosses } from "./volumes.ts";

/** The oldest version that has all that is written here; crun and runc take any 1.x. */
const OCI_VERSION = "1.0.0";

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
  "stop",
  "volumes",
  "secrets",
  // Of the document's reader, not of the container.
  "platform",
  "onUnsupported",
  "name",
]);

/** Maps whose inner keys are the user's own words, or are read as a whole. */
const WHOLE = new Set(["environment", "labels", "stop", "secrets", "userns"]);

/** What is wanted, as `config.json`: what it can't say is in `losses`, what must lie beside it in `bundle`. */
export function toOci(container: DesiredContainer, facts: OciFacts): OciExport {
  const rootfs = rootfsToOci(container, facts);
  const all: readonly Said<OciPart>[] = [
    commandToOci(container, facts),
    userToOci(container, facts),
    labelsToOci(container),
    networkToOci(container),
    policyToOci(container, facts),
    limitsToOci(container, facts),
    stopToOci(container),
    rootfs,
  ];
  const own = { linux: { namespaces: OWN_NAMESPACES.map((type) => ({ type })) } } as const;
  return {
    config: assemble([own, ...all.map(({ part }) => part)]),
    bundle: rootfs.bundle,
    losses: [
      ...all.flatMap(({ losses }) => losses),
      ...volumeLosses(container),
      ...secretLosses(container),
      ...unsaid(container),
    ],
  };
}

const OWN_NAMESPACES = ["pid", "ipc", "uts", "mount", "cgroup"] as const;

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
  return { ociVersion: OCI_VERSION, process, ...rest, linux } as OciConfig;
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
  const { network, losses: shared } = namespacesFromOci(document);
  const { policy, losses: rights } = policyFromOci(document);
  const { losses: roots, ...rootfs } = rootfsFromOci(document, options);
  const spec = {
    ...rootfs,
    ...commandFromOci(document),
    ...environmentFromOci(document),
    ...labelsFromOci(document),
    ...userFromOci(document),
    ...limitsFromOci(document),
    ...(network === undefined ? {} : { network }),
    policy,
  };
  return { spec, losses: [...shared, ...rights, ...roots, ...document.rest()] };
}
