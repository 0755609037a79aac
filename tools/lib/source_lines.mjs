/** Which lines of the sources became code, read from the source map inside a bundle. */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { ROOT } from "../bootstrap.mjs";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** One segment of a source map: numbers of 5 bits a digit, the lowest bit of the first is the sign. */
function decodeSegment(text) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const letter of text) {
    const digit = DIGITS.indexOf(letter);
    value += (digit & 31) * 2 ** shift;
    shift += 5;
    if ((digit & 32) !== 0) continue;
    numbers.push(value % 2 === 1 ? -Math.floor(value / 2) : value / 2);
    [value, shift] = [0, 0];
  }
  return numbers;
}

/** `source path relative to the repository → set of 1-based lines` that the bundle has code of. */
export function codeLines(bundle) {
  const text = readFileSync(bundle, "utf8");
  const encoded = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\s*$/.exec(text)?.[1];
  if (encoded === undefined) throw new Error(`${bundle} has no source map`);
  const map = JSON.parse(Buffer.from(encoded, "base64").toString("utf8"));
  const paths = map.sources.map((name) => relative(ROOT, resolve(dirname(bundle), name)));
  const found = new Map(paths.map((path) => [path, new Set()]));
  let [source, line] = [0, 0];
  for (const segment of map.mappings.split(/[;,]/)) {
    if (segment === "") continue;
    const [, sourceStep, lineStep] = decodeSegment(segment);
    if (sourceStep === undefined) continue;
    source += sourceStep;
    line += lineStep;
    found.get(paths[source]).add(line + 1);
  }
  return found;
}
