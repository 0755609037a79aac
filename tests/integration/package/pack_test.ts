// runs-under: bun
// timeout-seconds: 180
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { REPOSITORY, runProgram } from "../../support/cli.ts";
import { missing, tool } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

const BUN = `${REPOSITORY}/node_modules/.bin/bun`;
const PATH = `${REPOSITORY}/node_modules/.bin:${process.env["PATH"]}`;

/** Packs the package (which builds it) and unpacks it where npm would: what it needs is inside, so nothing is fetched. */
async function install(dir: TempDir): Promise<string> {
  const pack = await runProgram(["npm", "pack", "--silent", "--pack-destination", dir.path], {
    timeoutMs: 120_000,
  });
  assertEquals(pack.code, 0, pack.stderr);
  const tarball = dir.file(pack.stdout.trim().split("\n").at(-1) ?? "");
  assert(existsSync(tarball), `${pack.stdout}${pack.stderr}`);
  const home = dir.file("user");
  mkdirSync(`${home}/node_modules/.bin`, { recursive: true });
  dir.write("user/package.json", '{"type":"module"}');
  mkdirSync(`${home}/node_modules/containerv`);
  const target = `${home}/node_modules/containerv`;
  const untar = await runProgram(["tar", "-xzf", tarball, "-C", target, "--strip-components=1"]);
  assertEquals(untar.code, 0, untar.stderr);
  const { bin } = JSON.parse(readFileSync(`${target}/package.json`, "utf8"));
  symlinkSync(`../containerv/${bin.containerv}`, `${home}/node_modules/.bin/containerv`);
  return home;
}

async function checkTypes(home: string): Promise<void> {
  const tsc = [
    process.execPath.includes("deno") ? "node" : BUN,
    `${REPOSITORY}/node_modules/.bin/tsc`,
  ];
  const flags = "--noEmit --strict --module esnext --target esnext --moduleResolution bundler";
  const roots = ["--typeRoots", `${REPOSITORY}/node_modules/@types`, "--types", "node"];
  const result = await runProgram([...tsc, ...flags.split(" "), ...roots, "use.ts"], {
    cwd: home,
    env: { PATH },
    timeoutMs: 60_000,
  });
  assertEquals(result.code, 0, result.stdout);
}

test("the packed tarball installs, imports, types and runs under Bun", {
  skip: missing(tool("npm"), tool("tar")),
}, async () => {
  using dir = tempDir();
  const home = await install(dir);
  dir.write(
    "user/use.ts",
    'import * as containerv from "containerv";\n' +
      'import { type Exit, run } from "containerv";\n' +
      "export const exit: Exit | undefined = undefined;\n" +
      "console.log(typeof run, Object.keys(containerv).includes('load'));\n",
  );
  const used = await runProgram([BUN, "use.ts"], { cwd: home });
  assertEquals([used.code, used.stdout], [0, "function true\n"], used.stderr);
  await checkTypes(home);

  const bin = join(home, "node_modules/.bin/containerv");
  const version = await runProgram([bin, "version"], { cwd: home, env: { PATH } });
  assertMatch(version.stdout, /^containerv \d+\.\d+\.\d+\n$/, version.stderr);
  const deno = [`${REPOSITORY}/node_modules/.bin/deno`, "run", "-A"];
  const file = `${home}/node_modules/containerv/dist/containerv.mjs`;
  const wrong = await runProgram([...deno, file, "validate", "-"], {
    cwd: home,
    env: { PATH },
    stdin: 'comands: [["true"]]\n',
  });
  assertMatch(wrong.stderr, /unknown key `comands`/);
  assertEquals(wrong.code, 2);
  using hostile = tempDir();
  hostile.write("evil.ts", `require("node:fs").writeFileSync("${hostile.file("mark")}", "");`);
  hostile.write("bunfig.toml", 'preload = ["./evil.ts"]\n');
  hostile.write("tsconfig.json", '{"compilerOptions": {"paths": {"*": ["./evil.ts"]}}}\n');
  hostile.write(".env", "NO_COLOR=\n");
  const there = await runProgram([bin, "version"], { cwd: hostile.path, env: { PATH } });
  const marked = existsSync(hostile.file("mark"));
  assertEquals([there.stdout, marked], [version.stdout, false], there.stderr);

  const licences = await runProgram([bin, "version", "--licenses"], { cwd: home, env: { PATH } });
  for (const name of ["GPL-3.0-only", "yaml 2", "ajv 8", "arg 5", "Bun runtime"]) {
    assertStringIncludes(licences.stdout, name);
  }

  const schema = JSON.parse(
    readFileSync(`${home}/node_modules/containerv/dist/schema.json`, "utf8"),
  );
  assertStringIncludes(schema.$schema, "2020-12");
});
