/**
 * `--reproducible`: a container whose results depend on its inputs alone, as far as the kernel lets one fix what differs between two runs.
 * What the spec says counts; this fills what it leaves open. Source: reproducible-builds.org/docs/source-date-epoch.
 */
import { ADDR_NO_RANDOMIZE } from "../../ffi/abi/personality.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";

/** The same in every run. Ours, so that it does not depend on what the file is called. */
const HOSTNAME = "reproducible";
/** 1980-01-01: archives of the zip kind know nothing earlier. */
const DEFAULT_EPOCH = 315_532_800;

/** Read by tools that would take the time, the language of the machine or a random seed instead. */
function environmentOf(epoch: number): Readonly<Record<string, string>> {
  return {
    SOURCE_DATE_EPOCH: `${epoch}`,
    TZ: "UTC",
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    PYTHONHASHSEED: "0",
    PERL_HASH_SEED: "0",
  };
}

/** `epoch`: no file that is copied in or out is younger; seconds since 1970. */
export function makeReproducible(
  container: DesiredContainer,
  epoch: number = DEFAULT_EPOCH,
): DesiredContainer {
  const { process, origins, environment } = container;
  return {
    ...container,
    hostname: origins["hostname"] === undefined ? HOSTNAME : container.hostname,
    environment: { ...environmentOf(epoch), ...environment },
    process: {
      ...process,
      personality: (process.personality ?? 0) | ADDR_NO_RANDOMIZE,
    },
    inputs: container.inputs.map((input) => ({ ...input, latest: epoch })),
    outputs: container.outputs.map((output) => ({ ...output, latest: epoch })),
  };
}
