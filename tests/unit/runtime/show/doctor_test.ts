/** What `doctor` prints, line by line. */
import { describe, test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Host } from "../../../../runtime/plan/host.ts";
import { type Diagnosis, showDoctor, type ShownFeature } from "../../../../runtime/show/doctor.ts";

const HOST: Host = {
  version: 1,
  kernel: "6.12.1",
  architecture: "x86_64",
  pageBytes: 4096,
  uid: 0,
  gid: 0,
  privileged: true,
  lastCapability: 40,
  bounding: "1ffffffffff",
  cgroups: { v1: {} },
  system: {},
};

const ROW: ShownFeature = {
  name: "openat2",
  group: "start",
  since: "5.6",
  needs: "nothing",
  gives: "safe paths",
  without: "no container starts",
  fix: "boot a new kernel",
  required: true,
  state: "yes",
};

const diagnosis = (changes: Partial<Diagnosis> = {}): Diagnosis => ({
  host: HOST,
  trial: { works: true, losses: [] },
  features: [ROW],
  ...changes,
});

describe("showDoctor()", () => {
  test("all is well", () => {
    assertEquals(
      showDoctor(diagnosis()),
      `Linux 6.12.1 on x86_64, user 0, with all rights

✔ a container of the defaults runs

to start a container
  ✔ openat2

1 there, 0 missing. Nothing was changed.
`,
    );
  });

  test("what is missing has its cost and its fix; what could not be asked its reason", () => {
    const features: readonly ShownFeature[] = [
      { ...ROW, state: "no", detail: "the kernel has no openat2" },
      { ...ROW, name: "overlayfs", group: "rootfs", state: "unknown", detail: "no namespaces" },
      { ...ROW, name: "Landlock", group: "policy", state: "yes", detail: "ABI 7" },
    ];
    const trial = {
      works: false,
      why: "cannot make the namespaces: EPERM",
      fix: "run as root",
      losses: ["the default of 4096 processes is not held"],
    };
    const host = { ...HOST, uid: 1000, privileged: false };
    assertEquals(
      showDoctor(diagnosis({ features, trial, host })),
      `Linux 6.12.1 on x86_64, user 1000, in a user namespace of its own for each container

✘ a container of the defaults does not run: cannot make the namespaces: EPERM
    fix   run as root
    note  the default of 4096 processes is not held

to start a container
  ✘ openat2 (Linux 5.6): the kernel has no openat2
      cost  no container starts
      fix   boot a new kernel

for its root file system
  ? overlayfs (Linux 5.6): could not be asked: no namespaces
      for   safe paths

for policies
  ✔ Landlock: ABI 7

1 there, 1 missing, 1 could not be asked. Nothing was changed.
`,
    );
  });

  test("colour is in the signs alone, and only where wanted", () => {
    const shown = showDoctor(diagnosis(), { color: true });
    assertStringIncludes(shown, "\x1b[32m✔\x1b[0m openat2\n");
    // deno-lint-ignore no-control-regex
    assertEquals(shown.replaceAll(/\x1b\[[\d;]*m/g, ""), showDoctor(diagnosis()));
  });
});
