import { assertEquals } from "@std/assert";
import { describe, test } from "node:test";
import { HIDDEN, hide, hideIn } from "../../../../spec/text/hide.ts";

describe("hide()", () => {
  test("every form, the longest first; what is short stays", () => {
    assertEquals(hide('a"b a\\"b', ['a"b']), `${HIDDEN} ${HIDDEN}`);
    assertEquals(hide("secret-long secret", ["secret", "secret-long"]), `${HIDDEN} ${HIDDEN}`);
    assertEquals(hide("a b", ["a"]), "a b");
    assertEquals(hide("a b"), "a b");
  });
  test("in data, in all its texts and no key", () => {
    const data = { hunter2: ["xhunter2", 1, null, { a: "hunter2" }] };
    assertEquals(hideIn(data, ["hunter2"]), {
      hunter2: [`x${HIDDEN}`, 1, null, { a: HIDDEN }],
    });
    assertEquals(hideIn(data) === data, true);
  });
});
