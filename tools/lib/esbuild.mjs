/** esbuild's service process: one for all who bundle at the same time, ended by the last of them. */

let users = 0;

/**
 * Calls `work` with esbuild's `build`. A service that nobody ends would count as left behind; one that is ended while others bundle makes
 * theirs fail.
 */
export async function withEsbuild(work) {
  // Not at the top: tools are read before the packages are installed.
  const { build, stop } = await import("esbuild");
  users++;
  try {
    return await work(build);
  } finally {
    users--;
    if (users === 0) await stop();
  }
}
