// runs-under: bun
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { checkAbi, missingTool, TOOLCHAINS } from "../../../tools/check_abi.ts";
import { missing } from "../../support/require.ts";

for (const toolchain of TOOLCHAINS) {
  const tool = missingTool(toolchain);
  const skip = missing(tool === undefined ? undefined : `needs the program ${tool}`);
  test(`ffi/abi agrees with the headers of ${toolchain.architecture}`, { skip }, async () => {
    const report = await checkAbi(toolchain);
    assertEquals(report.differences, []);
    assertEquals(report.unknown, []);
    assert(report.compared > 1000, `only ${report.compared} facts were compared`);
  });
}
