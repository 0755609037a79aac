/** Version of containerv: the one of package.json (a test compares them). */
export const VERSION = "0.1.0";

/** Put in by the build: a digest of the whole program. */
declare const CONTAINERV_BUILD: string | undefined;

/**
 * Names this very program. What it keeps in its caches is good for no other one; run from its sources, which change
 * without notice, it keeps nothing.
 */
export const BUILD: string | undefined = typeof CONTAINERV_BUILD === "string"
  ? `${VERSION} ${CONTAINERV_BUILD}`
  : undefined;
