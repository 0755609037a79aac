/** Reads the JUnit files of `bun test`, `deno test` and `node --test` into one form. */

const ENTITIES = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text) {
  return text.replace(/&(#x[0-9a-f]+|#\d+|\w+);/gi, (whole, name) => {
    if (name.startsWith("#x")) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? whole;
  });
}

function attributes(text) {
  const found = {};
  for (const [, name, value] of text.matchAll(/([\w:.-]+)="([^"]*)"/g)) found[name] = decode(value);
  return found;
}

/** What stands between a testcase's tags → its outcome and the text of its failure. */
function outcome(body) {
  const bad = /<(failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/\1>)/.exec(body);
  if (bad !== null) {
    const text = decode(bad[3] ?? "").trim();
    return { outcome: "failed", detail: text || (attributes(bad[2]).message ?? bad[1]) };
  }
  return { outcome: /<skipped\b/.test(body) ? "skipped" : "passed", detail: "" };
}

/**
 * A group is not a test. Bun and Node write groups as suites; Deno writes them as a case whose name is the beginning of
 * its children's (`group`, `group > test`). A group that fails by itself (a hook threw) stays, as a failure.
 */
function withoutGroups(cases) {
  const groups = new Set();
  for (const { name } of cases) {
    for (let at = name.indexOf(" > "); at >= 0; at = name.indexOf(" > ", at + 1)) {
      groups.add(name.slice(0, at));
    }
  }
  return cases.filter((item) => {
    if (!groups.has(item.name)) return true;
    return item.outcome === "failed" && !/^\d+ test steps? failed/.test(item.detail);
  });
}

/** Every test in the file: `{name, file, ms, outcome: "passed" | "failed" | "skipped", detail}`. */
export function readJunit(xml) {
  const cases = [];
  const suites = [];
  const tag = /<(\/?)(testsuite|testcase)\b((?:[^>"]|"[^"]*")*?)(\/?)>/g;
  for (let match = tag.exec(xml); match !== null; match = tag.exec(xml)) {
    const [, closing, kind, attributeText, selfClosing] = match;
    if (kind === "testsuite") {
      if (closing) suites.pop();
      else if (!selfClosing) suites.push(attributes(attributeText).name ?? "");
      continue;
    }
    if (closing) continue;
    const end = selfClosing ? tag.lastIndex : xml.indexOf("</testcase>", tag.lastIndex);
    const body = selfClosing ? "" : xml.slice(tag.lastIndex, end);
    const found = attributes(attributeText);
    // Bun and Deno have a suite per file around all; Node's suites are groups only.
    const inner = /_test\.[a-z]+$|^ext:/.test(suites[0] ?? "") ? suites.slice(1) : suites;
    const path = [...inner, found.name ?? ""].join(" > ");
    const ms = Number(found.time ?? 0) * 1000;
    cases.push({ name: path, file: found.file ?? suites[0] ?? "", ms, ...outcome(body) });
    tag.lastIndex = end;
  }
  return withoutGroups(cases);
}
