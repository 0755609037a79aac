/** `sysctls` ⇄ `linux.sysctl`. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciPart } from "./config.ts";
import { type Document, isText } from "./document.ts";
import type { Said } from "./loss.ts";

export function sysctlsToOci({ sysctls }: DesiredContainer): Said<OciPart> {
  // Runtimes make every dot a slash: what has one in its name can't be named.
  const hasDot = ({ path }: typeof sysctls[number]): boolean => path.includes(".");
  const plain = sysctls.filter((one) => !hasDot(one));
  const sysctl = Object.fromEntries(
    plain.map(({ path, value }) => [path.replaceAll("/", "."), value]),
  );
  return {
    part: plain.length === 0 ? {} : { linux: { sysctl } },
    losses: sysctls.filter(hasDot).map(({ path, origin }) => ({
      origin,
      message: `OCI takes a dot in the name of a kernel parameter for a slash: ${path} is left out`,
      fix: "give the interface a name without a dot",
    })),
  };
}

export function sysctlsFromOci(
  document: Document,
): { readonly sysctls?: Readonly<Record<string, string>> } {
  const value = document.take("linux", "sysctl");
  if (typeof value !== "object" || value === null) return {};
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => isText(pair[1]));
  return pairs.length === 0 ? {} : { sysctls: Object.fromEntries(pairs) };
}
