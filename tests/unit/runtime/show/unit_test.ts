/** Units of systemd: what stands in them, and what systemd must not replace. */
import { describe, test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { unitText, unitWord } from "../../../../runtime/show/unit.ts";

const FACTS = {
  project: "shop",
  file: "/srv/my shop/100%.yaml",
  over: [],
  program: ["/usr/bin/containerv"],
  profiles: ["debug"],
  system: true,
  stopMs: 20_500,
};

describe("a unit", () => {
  test("runs up in the foreground, tells only it to stop, and waits as long as stopping may take", () => {
    const text = unitText(FACTS);
    assertMatch(
      text,
      /^ExecStart=\/usr\/bin\/containerv up --keep-going --profile debug "\/srv\/my shop\/100%%\.yaml"$/m,
    );
    assertMatch(text, /^WorkingDirectory=\/srv\/my shop$/m);
    assertMatch(text, /^Type=notify$[^]*^KillMode=mixed$/m);
    assertMatch(text, /^TimeoutStopSec=31$/m);
    assertMatch(text, /^WantedBy=multi-user\.target$/m);
    assertMatch(unitText({ ...FACTS, system: false }), /^WantedBy=default\.target$/m);
  });

  test("words are taken as they are", () => {
    const rows = [
      ["plain-1.yaml", "plain-1.yaml"],
      ["a b", '"a b"'],
      ['say "x"\\', '"say \\"x\\"\\\\"'],
      ["$HOME", '"$$HOME"'],
      ["%h", '"%%h"'],
    ] as const;
    for (const [word, want] of rows) assertEquals(unitWord(word), want);
  });
});
