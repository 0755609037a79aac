/** `inputs:`, `outputs:` → the container's root in the runner's hands, and what is copied through it. */
import type { DesiredContainer, DesiredInput } from "../../spec/model/desired.ts";
import { HostError } from "../plan/host_error.ts";
import type { Answers, Host } from "../plan/host.ts";
import type { Copies } from "../plan/ops/files.ts";
import type { Op } from "../plan/ops/registry.ts";
import { FIRST_PASSED_FD } from "../plan/report.ts";
import { mainUser } from "./volumes.ts";

export interface CompiledFiles {
  /** When all is mounted, before the first command. */
  readonly before: readonly Op[];
  /** When the container has ended. */
  readonly after: readonly Op[];
  /** Absent: nothing is copied. */
  readonly copies?: Copies;
}

/** True when the runner copies something in or out. */
export function copiesFiles({ inputs, outputs }: DesiredContainer): boolean {
  return inputs.length > 0 || outputs.length > 0;
}

interface Surroundings {
  readonly host: Host;
  /** Ids inside → the host's. */
  readonly outside: (user: { readonly uid: number; readonly gid: number }) => {
    readonly uid: number;
    readonly gid: number;
  };
  /** How many descriptors are handed over before the socket. */
  readonly passed: number;
}

/** Throws HostError for an input that can't be written. */
export function compileFiles(
  container: DesiredContainer,
  { host, outside, passed }: Surroundings,
  answers: Answers,
): CompiledFiles {
  const { inputs, outputs, rootfs } = container;
  const first = inputs[0] ?? outputs[0];
  if (first === undefined) return { before: [], after: [] };
  for (const input of inputs) refuseReadOnly(container, input);
  const user = mainUser(container, answers);
  const owner = outside(user);
  // Only root gives files away; to those of its user namespace the container's first process does.
  const isForeign = inputs.length > 0 && !host.privileged &&
    (owner.uid !== host.uid || owner.gid !== host.gid);
  const copies: Copies = {
    inputs: inputs.map((input, index) => ({
      ...input,
      kind: "input",
      id: `inputs/${index}`,
      where: "stage",
      owner,
      ...(isForeign ? { given: true } as const : {}),
    })),
    outputs: outputs.map((output, index) => ({
      ...output,
      kind: "output",
      id: `outputs/${index}`,
      where: "stage",
    })),
  };
  return {
    copies,
    before: [{
      kind: "root.hand",
      id: "files/root",
      where: "container",
      origin: first.origin.slice(0, first.origin.lastIndexOf("/")),
      fd: FIRST_PASSED_FD + passed,
      lasting: outputs.length > 0,
      ...(isForeign ? { gives: user } : {}),
      ...(outputs.length > 0 && rootfs.path === undefined && rootfs.writable.kind === "disk"
        ? { locked: true }
        : {}),
    }, ...copies.inputs],
    after: copies.outputs,
  };
}

/** Where nothing can be written, nothing can be copied to. */
function refuseReadOnly({ rootfs, volumes }: DesiredContainer, input: DesiredInput): void {
  const path = input.into ? `${input.to === "/" ? "" : input.to}/` : input.to;
  const over = volumes.filter(({ at }) => path === at || path.startsWith(`${at}/`))
    .sort((a, b) => b.at.length - a.at.length)[0];
  const readOnly = over === undefined
    ? rootfs.path === undefined && rootfs.writable.kind === "readonly"
    : over.readonly;
  if (!readOnly) return;
  throw new HostError("INPUT_READ_ONLY", {
    origin: `${input.origin}/to`,
    message: over === undefined
      ? `nothing can be copied to ${input.to}: the container has no writable root`
      : `nothing can be copied to ${input.to}: the volume at ${over.at} is read-only`,
    fix: over === undefined
      ? "rootfs: {writable: tmpfs}, or a volume of its own there: {tmpfs: 64MiB, at: …}"
      : "mount the file itself: volumes: [./FILE:/PATH:ro]",
  });
}
