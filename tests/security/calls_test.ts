/**
 * D16, J1, E1, A1: calls that would change the host or leave the container, made by root of a container with the default
 * capabilities. Policy (seccomp) is not asked: what only it could stop is listed as open in docs/security.md.
 */
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { EACCES, EBADF, EINVAL, ENOENT, ENOSYS, EPERM, EROFS } from "../../ffi/abi/errno.ts";
import { readFile } from "../../ffi/linux/file.ts";
import { guardWorld } from "../integration/cli/sandbox.ts";
import { missing, processor, root, tool } from "../support/require.ts";
import { callResults, perlCalls, probe, type RawCall } from "./probes.ts";

guardWorld();

/** Errnos that a denial may have; a call that this kernel was built without is none. */
const DENIED = [EPERM, EACCES, ENOSYS];

/** Name → number on x86-64 and words, with the errnos that are a denial where it is not the usual three. */
const CALLS: Readonly<Record<string, RawCall & { readonly errnos?: readonly number[] }>> = {
  "D16 kexec_load": { number: 246, words: "0, 0, 0, 0" },
  "D16 init_module": { number: 175, words: '$b, 0, ""' },
  "D16 finit_module": { number: 313, words: '0, "", 0' },
  "D16 delete_module": { number: 176, words: '"nosuchmodule", 0' },
  "D16 open_by_handle_at (shocker)": {
    number: 304,
    words: 'fileno($root), pack("Ll", 8, 1) . ("\\0" x 64), 0',
  },
  "D16 iopl": { number: 172, words: "3" },
  "D16 ioperm": { number: 173, words: "0x70, 1, 1" },
  "D16 reboot": { number: 169, words: "0xfee1dead, 672274793, 0x89abcdef, 0" },
  "D16 settimeofday": { number: 164, words: "$b, 0" },
  "D16 clock_settime": { number: 227, words: "0, $b" },
  "D16 adjtimex": { number: 159, words: 'pack("L!4", 1, 1, 1, 1) . ("\\0" x 256)' },
  "D16 swapon": { number: 167, words: '"/dev/shm/calls.pl", 0' },
  "D16 swapoff": { number: 168, words: '"/dev/shm/calls.pl"' },
  "D16 acct": { number: 163, words: '"/dev/shm/calls.pl"' },
  "D16 quotactl": {
    number: 179,
    words: '0x80000100, "/dev/null", 0, $b',
    errnos: [EPERM, ENOSYS, 15],
  },
  "D16 vhangup": { number: 153, words: "" },
  "D16 syslog clear": { number: 103, words: "5, 0, 0" },
  "D16 syslog console off": { number: 103, words: "6, 0, 0" },
  "D16 sethostname": { number: 170, words: '"evil", 4' },
  "D16 setdomainname": { number: 171, words: '"evil", 4' },
  "D16 bpf": { number: 321, words: "5, $b, 128", errnos: [EPERM, ENOSYS] },
  "D16 setns of a namespace above (pid 1's own user)": {
    number: 308,
    words: "-1, 0",
    errnos: [EBADF],
  },
  "J1 fsopen": { number: 430, words: '"tmpfs", 0' },
  "J1 fspick": { number: 433, words: '-100, "/", 0' },
  "J1 open_tree(OPEN_TREE_CLONE)": { number: 428, words: '-100, "/", 1' },
  "J1 move_mount": { number: 429, words: '-100, "/tmp", -100, "/mnt", 0' },
  "J1 mount_setattr": { number: 442, words: '-100, "/usr", 0, $b, 32' },
  "J1 mount": { number: 165, words: '"t", "/mnt", "tmpfs", 0, 0' },
  "J1 mount, remount of /usr": { number: 165, words: '"", "/usr", "", 4128, 0' },
  "J1 mount, propagation": { number: 165, words: '"", "/", "", 1064960, 0' },
  "J1 umount2": { number: 166, words: '"/proc/sys", 2' },
  "J1 pivot_root": { number: 155, words: '"/tmp", "/tmp"' },
  "J1 unshare(CLONE_NEWNS)": { number: 272, words: "0x20000" },
  "J1 unshare(CLONE_NEWCGROUP)": { number: 272, words: "0x2000000" },
  "J1 unshare(CLONE_NEWNET)": { number: 272, words: "0x40000000" },
  "J1 unshare(CLONE_NEWPID)": { number: 272, words: "0x20000000" },
  "E1 mount of a cgroup v1 hierarchy": { number: 165, words: '"c", "/mnt", "cgroup", 0, "memory"' },
  "E1 mount of cgroup v2": { number: 165, words: '"c", "/mnt", "cgroup2", 0, 0' },
  "E6 mknod of a block device": { number: 133, words: '"/tmp/disk", 0060600, 0x800' },
  "E6 mknod of a character device": { number: 133, words: '"/tmp/mem", 0020600, 0x101' },
  "A1 ptrace of PID 1": { number: 101, words: "16, 1, 0, 0" },
  "A1 PTRACE_SEIZE of PID 1": { number: 101, words: "0x4206, 1, 0, 0" },
  "A1 process_vm_readv of PID 1": {
    number: 310,
    words: '1, pack("PQ", $b, 64), 1, pack("QQ", 0x11001000, 64), 1, 0',
  },
  "A1 kcmp with PID 1": { number: 312, words: "1, 2, 0, 0, 0" },
  "A1 get_robust_list of PID 1": { number: 274, words: "1, $b, $b" },
  "A1 migrate_pages of PID 1": { number: 256, words: "1, 64, $b, $b" },
  "A1 move_pages of PID 1": {
    number: 279,
    words: "1, 0, 0, 0, 0, 0",
    errnos: [EPERM, ENOSYS, EACCES],
  },
  "A1 perf_event_open of PID 1": {
    number: 298,
    words: 'pack("LLQQQQQ", 1, 112, 0, 0, 0, 0, 0) . ("\\0" x 64), 1, -1, -1, 0',
  },
  "C8 setuid to a user of the host keeps no way back: setfsuid is bounded": {
    number: 157,
    words: "47, 0, 0, 0, 0",
    errnos: [EINVAL],
  },
  "D16 sched_setscheduler(SCHED_FIFO)": { number: 144, words: '0, 1, pack("l", 50)' },
  "D16 setpriority(-20)": { number: 141, words: "0, 0, -20" },
  "D16 ioprio_set(realtime)": { number: 251, words: "1, 0, 1 << 13" },
  "D16 prctl(PR_SET_MM)": { number: 157, words: "35, 1, 0x1000, 0, 0" },
  "B5 open of /proc/1/root": {
    number: 2,
    words: '"/proc/1/root/etc/shadow", 0',
    errnos: [EACCES, EPERM, ENOENT],
  },
  "A1 open of /proc/1/mem": { number: 2, words: '"/proc/1/mem", 2' },
  "A1 open of /proc/1/maps": { number: 2, words: '"/proc/1/maps", 0' },
  "A1 open of /proc/1/environ": { number: 2, words: '"/proc/1/environ", 0' },
  "A1 open of /proc/1/exe": { number: 2, words: '"/proc/1/exe", 0' },
  "A1 open of /proc/1/auxv": { number: 2, words: '"/proc/1/auxv", 0' },
  "A1 open of /proc/1/ns/mnt": { number: 2, words: '"/proc/1/ns/mnt", 0' },
  "B3 open of core_pattern": {
    number: 2,
    words: '"/proc/sys/kernel/core_pattern", 1',
    errnos: [EROFS],
  },
  "B3 open of modprobe": {
    number: 2,
    words: '"/proc/sys/kernel/modprobe", 1',
    errnos: [EROFS, ENOENT],
  },
  "B3 open of hotplug": {
    number: 2,
    words: '"/proc/sys/kernel/hotplug", 1',
    errnos: [EROFS, ENOENT],
  },
  "B3 open of sysrq-trigger": {
    number: 2,
    words: '"/proc/sysrq-trigger", 1',
    errnos: [EROFS, ENOENT],
  },
  "B3 open of uevent_helper": {
    number: 2,
    words: '"/sys/kernel/uevent_helper", 1',
    errnos: [EROFS, ENOENT],
  },
  "B3 open of binfmt_misc/register": {
    number: 2,
    words: '"/proc/sys/fs/binfmt_misc/register", 1',
    errnos: [EROFS, ENOENT],
  },
  "B17 open of /proc/kmsg": { number: 2, words: '"/proc/kmsg", 0' },
};

/** What the kernel permits to every process of the machine, no container is denied. */
const PERMITTED: Readonly<Record<string, string | undefined>> = {
  "D16 bpf": readFile("/proc/sys/kernel/unprivileged_bpf_disabled")?.trim() === "0"
    ? "needs kernel.unprivileged_bpf_disabled, which is 0"
    : undefined,
};

describe("calls of a container's root", {
  skip: missing(root(), processor("x64"), tool("perl")),
}, () => {
  let results: ReadonlyMap<string, readonly [number, number]> = new Map();
  const hostname = readFileSync("/proc/sys/kernel/hostname", "utf8");
  before(async () => {
    const output = await probe({ calls: perlCalls(CALLS) }, { init: true });
    results = callResults(output.get("calls") ?? "");
  });

  for (const [name, { errnos = DENIED }] of Object.entries(CALLS)) {
    test(`${name} is denied`, { skip: missing(PERMITTED[name]) }, () => {
      const [result, errno] = results.get(name) ?? [0, 0];
      assertEquals(result, -1);
      assert(errnos.includes(errno), `errno ${errno}`);
    });
  }

  test("D16: the host has the name that it had", () => {
    assertEquals(readFileSync("/proc/sys/kernel/hostname", "utf8"), hostname);
  });
});
