/** Licence notices of what is inside: put in by the build. */
import { VERSION } from "../version.ts";

declare const CONTAINERV_LICENSES: string | undefined;

/** The notices of every part of a built program; from the sources, where to find them. */
export function licenseNotices(): string {
  if (typeof CONTAINERV_LICENSES === "string") return CONTAINERV_LICENSES;
  return `containerv ${VERSION}: GPL-3.0-only, see LICENSE.\n` +
    "Run from its sources it holds no other code: see node_modules/*/LICENSE.\n";
}
