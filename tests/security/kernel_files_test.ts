/** B17: /proc and /sys from inside: what opens for writing is on a list, what tells about the host is hidden. */
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { assertEquals, assertNotEquals } from "@std/assert";
import { guardWorld, inside } from "../integration/cli/sandbox.ts";
import { missing, root } from "../support/require.ts";

guardWorld();
const skip = missing(root());

/** May be opened for writing by root: masks (they are /dev/null), and triggers on one's own behalf (PSI). */
const WRITABLE = new Set([
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/pressure/cpu",
  "/proc/pressure/io",
  "/proc/pressure/irq",
  "/proc/pressure/memory",
  "/proc/sched_debug",
  "/proc/timer_list",
  "/proc/timer_stats",
]);

describe("/proc and /sys", { skip }, () => {
  for (const user of ["0", "1000"]) {
    test(`of what may be written by its mode, only the list opens (user ${user})`, async () => {
      const script =
        'find /proc /sys -type f -perm /222 -not -path "/proc/[0-9]*" 2>/dev/null | while IFS= read -r f; do { command : >> "$f"; } 2>/dev/null && echo "$f"; done; true';
      const opened = (await inside(script, { user })).split("\n").filter(Boolean);
      assertEquals(opened.filter((path) => !WRITABLE.has(path)), []);
    });
  }

  test("its own files of /proc don't reach the kernel either", async () => {
    const script = [
      "for f in /proc/self/attr/exec /proc/1/oom_score_adj; do echo $f; done >/dev/null",
      "(echo -1000 > /proc/self/oom_score_adj) 2>/dev/null && echo lowered",
      "(echo 1 > /proc/self/setgroups) 2>/dev/null && echo setgroups",
      "(echo '0 0 1' > /proc/self/uid_map) 2>/dev/null && echo mapped; true",
    ].join("\n");
    assertEquals(await inside(script), "");
  });

  test("sysctls, sysrq, timers, keys, firmware, acpi, kernel memory", async () => {
    const files = [
      "kcore",
      "keys",
      "timer_list",
      "interrupts",
      "sched_debug",
      "latency_stats",
      "timer_stats",
    ];
    const present = files.filter((name) => existsSync(`/proc/${name}`));
    assertNotEquals(present.length, 0);
    assertEquals(
      await inside(`for f in ${present.join(" ")}; do cat /proc/$f; done | wc -c`),
      "0\n",
    );
    const directories = [
      "/proc/acpi",
      "/proc/asound",
      "/proc/scsi",
      "/proc/dynamic_debug",
      "/sys/firmware",
      "/sys/devices/virtual/powercap",
    ];
    assertEquals(
      await inside(`for d in ${directories.join(" ")}; do ls -A $d 2>/dev/null; done; true`),
      "",
    );
    const sysctl = readFileSync("/proc/sys/kernel/core_pattern", "utf8");
    const script =
      "for f in kernel/core_pattern kernel/modprobe vm/drop_caches net/ipv4/ip_forward kernel/hostname; do (echo x > /proc/sys/$f) 2>/dev/null && echo $f; done; true";
    assertEquals(await inside(script), "");
    assertEquals(readFileSync("/proc/sys/kernel/core_pattern", "utf8"), sysctl);
  });

  test("a mask is the kernel's own null device or an empty directory, read-only", async () => {
    const lines = (await inside("cat /proc/self/mountinfo")).split("\n").map((line) =>
      line.split(" ")
    );
    const at = (path: string): readonly string[] =>
      lines.filter((fields) => fields[4] === path).at(-1) ?? [];
    assertEquals(at("/proc/keys").length === 0, !existsSync("/proc/keys"));
    for (
      const fields of lines.filter(([, , , , path]) =>
        /^\/(proc|sys)\/./.test(path ?? "") && path !== "/sys/fs/cgroup"
      )
    ) {
      assertEquals((fields[5] ?? "").split(",")[0], "ro", fields.join(" "));
    }
  });
});
