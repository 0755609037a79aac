import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { REPOSITORY, runCli } from "../../support/cli.ts";
import { built, missing } from "../../support/require.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

/** Everything that a JavaScript runtime would read from the directory it is started in, each leaving a mark. */
function plant(dir: TempDir): void {
  const evil = 'import { writeFileSync } from "node:fs";\n' +
    `writeFileSync(${JSON.stringify(dir.file("mark"))}, "x");\n`;
  dir.write("evil.ts", evil);
  dir.write("bunfig.toml", 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n');
  dir.write(".env", "BUN_OPTIONS=--preload=./evil.ts\nNODE_OPTIONS=--import=./evil.ts\n");
  dir.write("package.json", '{"type": "commonjs", "imports": {"#a": "./evil.ts"}}\n');
  dir.write("tsconfig.json", '{"compilerOptions": {"paths": {"*": ["./evil.ts"]}}}\n');
  dir.write("deno.json", '{"imports": {"yaml": "./evil.ts"}, "preload": ["./evil.ts"]}\n');
  for (const name of ["yaml", "ajv", "arg", "bun:ffi"]) {
    dir.write(`node_modules/${name}/index.ts`, evil);
    dir.write(`node_modules/${name}/package.json`, '{"main": "index.ts"}\n');
  }
  // What a loader that looks into the working directory would take as the C library.
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1"]) dir.write(name, "no library");
}

describe("a hostile working directory changes nothing", {
  skip: missing(built(`${REPOSITORY}/dist/containerv`)),
}, () => {
  for (const args of [["version"], ["validate", "spec.yaml"], ["plan", "spec.yaml"]]) {
    test(`containerv ${args.join(" ")}`, async () => {
      using dir = tempDir();
      plant(dir);
      dir.write("spec.yaml", "commands: [[/bin/true]]\n");
      const result = await runCli(args, { runtime: "dist", cwd: dir.path });
      assertEquals([result.code, existsSync(dir.file("mark"))], [0, false], result.stderr);
    });
  }

  test("the marks do work: Bun itself runs the file that is planted", async () => {
    using dir = tempDir();
    plant(dir);
    dir.write("own.ts", "export {};\n");
    const { runProgram } = await import("../../support/cli.ts");
    await runProgram([`${REPOSITORY}/node_modules/.bin/bun`, "own.ts"], { cwd: dir.path });
    assertEquals(existsSync(dir.file("mark")), true);
  });
});
