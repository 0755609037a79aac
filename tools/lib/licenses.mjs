/** Licence notices of what a bundle of this program has inside. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../bootstrap.mjs";

function read(path) {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Packages whose code is in generated files: the validators are ajv's output and hold pieces of it. */
const GENERATED_FROM = ["ajv"];

/** The npm packages among the inputs of a bundle, with version and the text of their licences, sorted by name. */
export function bundledPackages(inputs) {
  const names = inputs.map((path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set([...names, ...GENERATED_FROM])].sort().map((name) => {
    const { version, license } = JSON.parse(read(`node_modules/${name}/package.json`));
    const file = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"]
      .find((candidate) => existsSync(join(ROOT, "node_modules", name, candidate)));
    if (file === undefined) throw new Error(`${name} has no licence text`);
    return { name, version, license, text: read(`node_modules/${name}/${file}`).trim() };
  });
}

/** What `containerv version --licenses` prints. */
export function licenceNotices(packages) {
  const { version } = JSON.parse(read("package.json"));
  const bun = JSON.parse(read("node_modules/bun/package.json")).version;
  const own =
    `containerv ${version}: GPL-3.0-only. This program comes with ABSOLUTELY NO WARRANTY.\n` +
    "The licence's text: LICENSE in the source, https://www.gnu.org/licenses/gpl-3.0.html";
  const runtime =
    `The executable contains the Bun runtime ${bun}: MIT, with parts under other licences,\n` +
    "JavaScriptCore (LGPL-2.0) among them: https://bun.com/docs/project/license";
  const others = packages.map((item) =>
    `${item.name} ${item.version}: ${item.license}\n\n${item.text.replace(/^/gm, "    ")}`
  );
  return `${[own, runtime, ...others].join("\n\n")}\n`;
}
