import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { showError } from "../../../../runtime/show/error.ts";

const place = { file: "web.yaml", line: 14, column: 11, offset: 0, length: 1 };

test("showError() prints every fact that is known, and no other line", () => {
  assertEquals(
    showError({
      code: "SYSCALL_FAILED",
      message: "cannot mount proc",
      place,
      step: { number: 3, of: 9, show: "mount(…)" },
      syscall: "mount() = -1 EPERM (…)",
      kernel: "masked",
      fix: "run as root",
      undone: "everything was taken back",
    }),
    [
      "web.yaml:14:11: error SYSCALL_FAILED: cannot mount proc",
      "  step    3 of 9: mount(…)",
      "  call    mount() = -1 EPERM (…)",
      "  kernel  masked",
      "  fix     run as root",
      "  state   everything was taken back",
      "",
    ].join("\n"),
  );
});

test("showError() without a place says the pointer, or nothing", () => {
  assertEquals(showError({ code: "X", message: "m", pointer: "/a" }), "/a: error X: m\n");
  assertEquals(showError({ code: "X", message: "m", pointer: "" }), "error X: m\n");
  assertEquals(showError({ code: "X", message: "m" }), "error X: m\n");
});

test("showError() lets nothing of a spec move the cursor; the lines of a stack stay lines", () => {
  const shown = showError({
    code: "BUG",
    message: 'cannot execute "\x1b[2J\u202e\x9b"\n    at run()',
    fix: "a\tb\x00\r\n",
  });
  assertEquals(
    shown,
    'error BUG: cannot execute "\\x1b[2J\\u202e\\x9b"\n    at run()\n  fix     a b\\x00\\x0d\\x0a\n',
  );
});
