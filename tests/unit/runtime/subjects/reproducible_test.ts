import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { ADDR_NO_RANDOMIZE } from "../../../../ffi/abi/personality.ts";
import { makeReproducible } from "../../../../runtime/subjects/reproducible.ts";
import { wanted } from "../support/wanted.ts";

const COPIES = {
  inputs: [{ from: "./a", to: "/a" }],
  outputs: [{ from: "/b", to: "./b" }],
};

test("what the spec leaves open is the same in every run", () => {
  const { hostname, environment, process, inputs, outputs } = makeReproducible(wanted(COPIES), 12);
  assertEquals([hostname, environment], ["reproducible", {
    SOURCE_DATE_EPOCH: "12",
    TZ: "UTC",
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    PYTHONHASHSEED: "0",
    PERL_HASH_SEED: "0",
  }]);
  assertEquals([process.umask, process.personality], [0o022, ADDR_NO_RANDOMIZE]);
  assertEquals([inputs[0]?.latest, outputs[0]?.latest], [12, 12]);
  assertEquals(makeReproducible(wanted(COPIES)).inputs[0]?.latest, 315_532_800);
});

test("what it says counts", () => {
  const spec = {
    hostname: "mine",
    environment: { TZ: "Europe/Berlin" },
    process: { umask: "0077" },
  };
  const { hostname, environment, process } = makeReproducible(wanted(spec));
  assertEquals([hostname, environment["TZ"], process.umask], ["mine", "Europe/Berlin", 0o077]);
});
