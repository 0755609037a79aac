/** `labels` ⇄ `annotations`, `environment` ← `process.env`; the way there is in `command.ts`, with what users add to it. */
import type { DesiredContainer } from "../model/desired.ts";
import type { OciPart } from "./config.ts";
import { type Document, isText, texts } from "./document.ts";
import type { Said } from "./loss.ts";

export function labelsToOci(container: DesiredContainer): Said<OciPart> {
  const annotations = container.labels;
  return { part: Object.keys(annotations).length === 0 ? {} : { annotations }, losses: [] };
}

export function environmentFromOci(
  document: Document,
): { readonly environment?: Readonly<Record<string, string>> } {
  const pairs = texts(document.take("process", "env")).map((text) => {
    const at = text.indexOf("=");
    return at < 0 ? [text, ""] as const : [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return pairs.length === 0 ? {} : { environment: Object.fromEntries(pairs) };
}

export function labelsFromOci(
  document: Document,
): { readonly labels?: Readonly<Record<string, string>> } {
  const value = document.take("annotations");
  if (typeof value !== "object" || value === null) return {};
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => isText(pair[1]));
  return pairs.length === 0 ? {} : { labels: Object.fromEntries(pairs) };
}
