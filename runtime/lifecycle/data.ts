/** Where what outlives a run is kept. */
export function dataDirectory(
  environment: Readonly<Record<string, string | undefined>>,
  uid: number,
): string {
  const base = environment["XDG_DATA_HOME"];
  if (uid === 0) return "/var/lib/containerv";
  if (base !== undefined && base.startsWith("/")) return `${base}/containerv`;
  return `${environment["HOME"] ?? "/"}/.local/share/containerv`;
}
