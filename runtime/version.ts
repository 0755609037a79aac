/** Version of containerv: the one of package.json (a test compares them). */
export const VERSION = "0.1.0";

/** Put in by the build: a digest of the whole program, of 16 hexadecimal digits. */
declare const CONTAINERV_BUILD: string | undefined;
/** Put in by the build of an executable that has a launcher in front (docs/launcher.md). */
declare const CONTAINERV_LAUNCHER: boolean | undefined;

/**
 * Names this very program. What it keeps in its caches is good for no other one; run from its sources, which change
 * without notice, it keeps nothing.
 */
export const BUILD: string | undefined = typeof CONTAINERV_BUILD === "string"
  ? `${VERSION} ${CONTAINERV_BUILD}`
  : undefined;

/** By which the launcher in front of this program knows what this program remembered for it; `undefined` where there is none. */
export const LAUNCHER_BUILD: bigint | undefined =
  typeof CONTAINERV_BUILD === "string" && typeof CONTAINERV_LAUNCHER === "boolean"
    ? BigInt(`0x${CONTAINERV_BUILD}`)
    : undefined;
