/** Licence notices of what is inside. */
import { NOTICES } from "./generated/licenses.ts";

declare const CONTAINERV_LICENSES: string | undefined;

/** The notices of every part: a built program has those of its own bundle, put in by the build. */
export function licenseNotices(): string {
  // One expression: a bundler then leaves the other notices out.
  return typeof CONTAINERV_LICENSES === "string" ? CONTAINERV_LICENSES : `${NOTICES.join("\n")}\n`;
}
