/** The licence notices are those of what the program takes in. */
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { licenseNotices } from "../../../runtime/cli/licenses.ts";
import { FILE, generateLicences } from "../../../tools/build_licenses.mjs";
import { REPOSITORY } from "../../support/cli.ts";

test(`${FILE} is fresh (else: node tools/build_licenses.mjs)`, async () => {
  assertEquals(readFileSync(`${REPOSITORY}/${FILE}`, "utf8"), await generateLicences());
});

test("every dependency has its name, version and whole text in the notices", () => {
  const notices = licenseNotices();
  const { dependencies } = JSON.parse(readFileSync(`${REPOSITORY}/package.json`, "utf8")) as {
    dependencies: Readonly<Record<string, string>>;
  };
  for (const [name, version] of Object.entries(dependencies)) {
    assertStringIncludes(notices, `\n${name} ${version}: `);
    const file = ["arg", "xxhash-wasm"].includes(name) ? "LICENSE.md" : "LICENSE";
    const text = readFileSync(`${REPOSITORY}/node_modules/${name}/${file}`, "utf8").trim();
    assertStringIncludes(notices, text.replace(/^/gm, "    "));
  }
  assertStringIncludes(notices, "GPL-3.0-only");
});
