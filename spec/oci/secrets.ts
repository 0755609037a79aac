/** `secrets`: OCI has no place for a value that is written nowhere. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciLoss } from "./loss.ts";

export function secretLosses({ secrets }: DesiredContainer): readonly OciLoss[] {
  return secrets.map(({ at, origin }) => ({
    origin,
    message: `the secret at ${at} is not written to config.json`,
    fix: "mount a tmpfs with the file, made by whoever calls the runtime",
  }));
}
