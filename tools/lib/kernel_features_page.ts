/** The table of features → docs/kernel-features.md. Pure. */
import type { Feature, FeatureGroup } from "../../runtime/observe/features.ts";

const HEAD = `# Kernel features

<!-- Written by tools/gen_reference.ts from runtime/observe/features*.ts. Do not edit. -->

What a kernel, a machine and a user may have, as \`containerv doctor\` tries it: by a call, by a file, or by a small program that
clones into namespaces of its own and ends. Nothing is concluded from a version, and nothing of a probe outlives it (the kernel may load
a module that it is asked for). Each has three answers: it is there; it is not, with what that costs and what gets it; it could not be
asked, with the reason.

\`doctor\` then really runs a container of the defaults. It exits 0 when that works for this user, else 1. \`doctor --json\` is
\`{host, trial, features}\`; \`containerv plan --host FILE\` plans for the machine that it describes.
`;

const GROUPS: Readonly<Record<FeatureGroup, string>> = {
  start: "To start a container",
  rootfs: "For its root file system",
  limits: "For limits",
  "no root": "Without root",
  policy: "For policies",
  network: "For networks",
  vm: "For virtual machines",
};

function showFeature(feature: Feature): string {
  const { name, since, needs, gives, without, fix, required } = feature;
  return [
    `### ${name}`,
    "",
    ...(since === undefined ? [] : [`- since: Linux ${since}`]),
    `- needs: ${needs}`,
    `- gives: ${gives}`,
    `- without it: ${without}${required ? " (required)" : ""}`,
    `- to get it: \`${fix}\``,
    "",
  ].join("\n");
}

/** The page, group by group in the table's order. */
export function kernelFeaturesPage(features: readonly Feature[]): string {
  const sections = Object.entries(GROUPS).map(([group, title]) => {
    const own = features.filter((feature) => feature.group === group);
    return [`## ${title}`, "", ...own.map(showFeature)].join("\n");
  });
  return `${[HEAD, ...sections].join("\n").trimEnd()}\n`;
}
