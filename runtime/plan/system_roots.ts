/** Programs and libraries: directories of the host's root, or (merged-usr) links into /usr. `host: system` shows them. */
export const SYSTEM_ROOTS = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
] as const;
