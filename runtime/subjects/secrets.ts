/** `secrets:` → a tmpfs and a file each. What they say never passes through here: the runner hands it over by descriptor. */
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { Answers } from "../plan/host.ts";
import type { Op } from "../plan/ops/registry.ts";
import { FIRST_PASSED_FD } from "../plan/report.ts";
import { originOf } from "./origin.ts";
import { mainUser } from "./volumes.ts";

/** Longest secret. */
export const SECRET_BYTES_MAX = 1 << 20;

export interface CompiledSecrets {
  /** Before the container's root is mounted: it lies below. */
  readonly room: readonly Op[];
  readonly files: readonly Op[];
}

export function compileSecrets(container: DesiredContainer, answers: Answers): CompiledSecrets {
  const { secrets } = container;
  if (secrets.length === 0) return { room: [], files: [] };
  const where = "container" as const;
  const { uid, gid } = mainUser(container, answers);
  return {
    room: [{
      kind: "secret.room",
      id: "secrets",
      where,
      origin: originOf(container, "secrets"),
      sizeBytes: (secrets.length + 1) * SECRET_BYTES_MAX,
    }],
    files: secrets.map(({ at, mode, origin }, index) => ({
      kind: "secret",
      id: `secrets${at}`,
      where,
      origin,
      fd: FIRST_PASSED_FD + index,
      at,
      mode,
      uid,
      gid,
    })),
  };
}
