/** A plan: a frozen list of operations and what was lost on the way. Plain JSON. */
import type { Origin } from "../../spec/model/desired.ts";
import type { Ask } from "./ops/ask.ts";
import type { Copies } from "./ops/files.ts";
import type { Op } from "./ops/registry.ts";

/** Something that was asked for and that this machine holds only in part, or not at all. */
export interface Loss {
  /** A word: `POLICY_NOT_ENFORCED`. */
  readonly code: string;
  readonly origin: Origin;
  readonly message: string;
  readonly fix?: string;
}

/** The operations that make a container, in order, and what this machine can't hold of what was asked. */
export interface Plan {
  readonly version: 1;
  /** Name of the container as the user knows it. */
  readonly container: string;
  /** Name of this instance: what its kernel objects are called. */
  readonly instance: string;
  readonly ops: readonly Op[];
  readonly losses: readonly Loss[];
  /** A change of what is there already: what it did is taken back only when it fails. */
  readonly lasting?: true;
  /** What the line after a run says: limits and policy in effect. */
  readonly summary: Summary;
  /** The image whose words took effect. Its labels are data: nothing reads them. */
  readonly image?: {
    readonly name: string;
    readonly digest: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

export interface Summary {
  /** As `memory 64MiB`. */
  readonly limits: readonly string[];
  /** Which limit is named when it ended the container. */
  readonly blame: Blame;
  readonly policy: string;
  /** One per command, as the user named it or `commands[0]`. */
  readonly commands: readonly CommandSummary[];
  /** What the stage asks the runner for, in order; absent: nothing. */
  readonly asks?: readonly Ask[];
  /** What the runner copies in and out; absent: nothing. */
  readonly copies?: Copies;
  readonly stop: { readonly signal: number; readonly graceMs: number };
  /** The caller's terminal is changed while the container runs. */
  readonly terminal?: true;
}

/** Per reason of an exit the limit behind it: `limits.memory 64MiB`, and the line that asked for it. */
export type Blame = Readonly<
  Partial<Record<"oom" | "pids", { readonly text: string; readonly origin: Origin }>>
>;

export interface CommandSummary {
  readonly name: string;
  readonly origin: Origin;
  /** argv[0], for the message "not found". */
  readonly program: string;
}
