/** A container in the words of OCI: `plan --diff crun`, `plan --oci`. */
import { exactJson } from "../../spec/text/json.ts";
import { escapeControls } from "./diagnostics.ts";
import { type Places, showOrigin } from "./plan.ts";

export interface ShownEquivalent {
  readonly config: unknown;
  readonly bundle: {
    readonly root:
      | { readonly kind: "tmpfs"; readonly sizeBytes?: number }
      | { readonly kind: "overlay"; readonly lowers: readonly string[] }
      | { readonly kind: "directory"; readonly path: string };
    readonly directories: readonly { readonly path: string; readonly mode: number }[];
    readonly symlinks: readonly { readonly path: string; readonly target: string }[];
    readonly files: readonly {
      readonly path: string;
      readonly mode: number;
      readonly text: string;
    }[];
  };
  readonly losses: readonly {
    readonly origin: string;
    readonly message: string;
    readonly fix?: string;
  }[];
}

export interface ShowOciOptions {
  /** Whose document it is, as the heading names it. */
  readonly runtime: string;
  readonly places: Places;
  /** `document`: nothing but config.json on standard output. */
  readonly form: "text" | "document" | "json";
}

/** What goes to standard output, and what to standard error. */
export function showOci(
  equivalent: ShownEquivalent,
  { runtime, places, form }: ShowOciOptions,
): { readonly out: string; readonly problems: string } {
  const text = (value: unknown): string => `${exactJson(value, 2)}\n`;
  if (form === "json") return { out: text(equivalent), problems: "" };
  const { config, bundle, losses } = equivalent;
  const lines = losses.flatMap(({ origin, message, fix }) => [
    `! ${escapeControls(message)} ${showOrigin(origin, places)}`,
    ...(fix === undefined ? [] : [`      ${escapeControls(fix)}`]),
  ]);
  const problems = lines.map((line) => `${line}\n`).join("");
  if (form === "document") return { out: text(config), problems };
  const rows = bundleRows(bundle).map((row) => `  ${escapeControls(row)}\n`).join("");
  const count = losses.length === 0 ? "Nothing is lost" : `${losses.length} lost`;
  return {
    out: `config.json for ${runtime}:\n${text(config)}the bundle's root:\n${rows}` +
      `${problems}${count} in the words of OCI. Nothing was changed.\n`,
    problems: "",
  };
}

function bundleRows({ root, directories, symlinks, files }: ShownEquivalent["bundle"]) {
  const octal = (mode: number): string => `0${mode.toString(8)}`;
  const kind = {
    tmpfs: "a tmpfs mounted at rootfs, with:",
    overlay: "an overlay mounted at rootfs, with:",
    directory: "the directory itself",
  }[root.kind];
  return [
    kind,
    ...(root.kind === "overlay" ? [`lowerdir=${[...root.lowers].reverse().join(":")}`] : []),
    ...(root.kind === "tmpfs" && root.sizeBytes !== undefined ? [`size=${root.sizeBytes}`] : []),
    ...directories.map(({ path, mode }) => `rootfs${path}/  ${octal(mode)}`),
    ...symlinks.map(({ path, target }) => `rootfs${path} -> ${target}`),
    ...files.map(({ path, mode, text }) => `rootfs${path}  ${octal(mode)} ${JSON.stringify(text)}`),
  ];
}
