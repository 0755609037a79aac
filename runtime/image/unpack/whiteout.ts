/** How a layer says that something of a lower one is gone. Source: OCI image specification, layer.md. */
import { ImageError } from "../error.ts";
import { shown } from "../names.ts";
import type { TarEntry } from "../tar/read.ts";

const PREFIX = ".wh.";
const META = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";

export type Whiteout =
  /** The name is gone. */
  | { readonly kind: "hide"; readonly path: string }
  /** What lower layers have in the directory is gone. */
  | { readonly kind: "opaque"; readonly path: string }
  /** aufs's own files, which no reader of layers keeps. */
  | { readonly kind: "skip" };

/** `undefined`: an entry like any other. @throws ImageError for a whiteout that names nothing. */
export function readWhiteout({ path, type }: TarEntry): Whiteout | undefined {
  if (!path.includes(PREFIX)) return undefined;
  const parts = path.split("/");
  const base = parts[parts.length - 1] ?? "";
  const above = parts.slice(0, -1);
  if (base === OPAQUE && type === "file" && !above.some(isWhiteout)) {
    return { kind: "opaque", path: above.join("/") };
  }
  if (parts.some((part) => part.startsWith(META) && part !== OPAQUE)) return { kind: "skip" };
  if (above.some(isWhiteout)) throw refused("an entry lies below a whiteout", path);
  if (!isWhiteout(base)) return undefined;
  const name = base.slice(PREFIX.length);
  if (name === "" || name === "." || name === ".." || base === OPAQUE || type !== "file") {
    throw refused("a whiteout is none", path);
  }
  return { kind: "hide", path: [...above, name].join("/") };
}

const isWhiteout = (part: string): boolean => part.startsWith(PREFIX);

function refused(message: string, path: string): ImageError {
  return new ImageError("ARCHIVE_REFUSED", `${message}: "${shown(path)}"`);
}
