import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { makePrograms } from "../../unit/stage/random_programs.ts";
import { ARCHITECTURES, imageOf, runSimulated } from "../../unit/stage/support.ts";
import { cannotRun, runReal } from "./run_image.ts";

const IMAGES = 40;
const PROGRAMS = 15;

for (const architecture of ARCHITECTURES) {
  const skip = cannotRun(architecture);
  describe(`${IMAGES * PROGRAMS} random programs on ${architecture}`, { skip }, () => {
    test("processor and simulator give the same output and status", () => {
      const statuses = new Set<number>();
      for (let seed = 0; seed < IMAGES; seed++) {
        const image = imageOf(makePrograms(seed, PROGRAMS), architecture);
        const simulated = runSimulated(image);
        const real = runReal(image, architecture);
        assertEquals(real.signal, null, `seed ${seed}`);
        assertEquals(real.status, simulated.status, `seed ${seed}`);
        const same = Buffer.compare(real.output, simulated.output) === 0;
        assert(same, `seed ${seed}: ${real.output.length} and ${simulated.output.length} bytes`);
        assert(real.output.length >= PROGRAMS * (11 * 8 + 64), `seed ${seed} wrote too little`);
        statuses.add(simulated.status);
      }
      assert(statuses.size > IMAGES / 2, "the programs differ");
    });
  });
}
