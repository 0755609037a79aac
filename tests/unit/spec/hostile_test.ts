import { describe, test } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { loadSpec } from "../../../spec/load.ts";
import { HOSTILE_SPECS } from "../../support/hostile_specs.ts";
import { showDiagnostics } from "../../../runtime/show/diagnostics.ts";

/** One second is the promise; a loaded machine gets three, and the slowest takes a third of one when it is idle. */
const LIMIT_MS = 3_000;

describe("each hostile spec is refused, with a place inside it", () => {
  for (const { name, bytes } of HOSTILE_SPECS) {
    test(name, () => {
      const text = bytes();
      const start = performance.now();
      const { desired, diagnostics, places } = loadSpec({ text, file: "h.yaml", directory: "/p" });
      assertLess(performance.now() - start, LIMIT_MS);
      assertEquals([desired, places], [undefined, {}]);
      const errors = diagnostics.filter(({ severity }) => severity === "error");
      assertGreater(errors.length, 0);
      assertLess(diagnostics.length, 102);
      const lines = new TextDecoder().decode(text.subarray(0, 1 << 21)).split("\n");
      for (const { place } of errors) {
        assert(place !== undefined);
        const line = lines[place.line - 1];
        assert(line !== undefined && place.line >= 1, `line ${place.line} of ${lines.length}`);
        assert(
          place.column >= 1 && place.column <= Array.from(line).length + 1,
          `column ${place.column}`,
        );
      }
      const shown = showDiagnostics(diagnostics, { color: false });
      assertLess(shown.length, 200_000);
      assertEquals(shown.replaceAll("\n", "").match(/\p{Cc}/u), null);
    });
  }
});

test("there are more than 200, and no name twice", () => {
  assertGreater(HOSTILE_SPECS.length, 200);
  assertEquals(new Set(HOSTILE_SPECS.map(({ name }) => name)).size, HOSTILE_SPECS.length);
});

test("nothing that was read changed the language", () => {
  for (const { bytes } of HOSTILE_SPECS.filter(({ name }) => name.includes("the key "))) {
    loadSpec({ text: bytes(), file: "h.yaml", directory: "/p" });
  }
  assertEquals(({} as Record<string, unknown>)["privileged"], undefined);
});
