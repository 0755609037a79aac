import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { codesOf, containerOf } from "./load_from.ts";

function table(name: string, rows: readonly (readonly [string, readonly string[]])[]): void {
  describe(name, () => {
    for (const [text, want] of rows) test(text, () => assertEquals(codesOf(text), want));
  });
}

describe("user", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["0", { user: 0 }],
    ['"0"', { user: 0 }],
    ["1000", { user: 1000 }],
    ["1000:1000", { user: 1000, group: 1000 }],
    ['"0:1"', { user: 0, group: 1 }],
    ["4294967294", { user: 4294967294 }],
    ["root", { user: "root" }],
    ["www-data:www-data", { user: "www-data", group: "www-data" }],
    ["nobody:0", { user: "nobody", group: 0 }],
    ["1:staff", { user: 1, group: "staff" }],
    ["host$", { user: "host$" }],
    ["_x", { user: "_x" }],
  ];
  for (const [text, want] of good) {
    test(text, () => assertEquals(containerOf(`user: ${text}`).user, want as never));
  }
});

describe("limits", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["{}", { pids: 4096, pidsIsDefault: true }],
    ["{pids: 1}", { pids: 1, pidsIsDefault: false }],
    ["{pids: 4096}", { pids: 4096, pidsIsDefault: false }],
    ["{cpu: 2}", { cpus: 2, pids: 4096, pidsIsDefault: true }],
    ["{cpu: 0.01}", { cpus: 0.01, pids: 4096, pidsIsDefault: true }],
    ["{memory: {max: 1MB}}", { memoryBytes: 1e6, pids: 4096, pidsIsDefault: true }],
  ];
  for (const [text, want] of good) {
    test(text, () => assertEquals(containerOf(`limits: ${text}`).limits, want as never));
  }
});
table("limits that are refused", [
  ["limits: {memory: {max: 1k}}", ["BAD_VALUE /limits/memory/max"]],
  ["limits: {memory: {}}", ["EMPTY_VALUE /limits/memory"]],
  ["limits: {memory: 0.1B}", ["BAD_SIZE /limits/memory"]],
  ["limits: {swap: 1}", ["BAD_VALUE /limits/swap"]],
  ["limits: {io: [{readBytes: 1MiB}]}", ["BAD_IO /limits/io/0"]],
  ["limits: {io: [{device: /dev/sda, path: /a, weight: 5}]}", ["BAD_IO /limits/io/0/path"]],
  ["limits: {io: [{device: /dev/sda}]}", ["BAD_IO /limits/io/0"]],
  ["limits: {io: [{weight: 1001}]}", ["BAD_VALUE /limits/io/0/weight"]],
  ["limits: {cpuset: 3-0}", ["BAD_CPUS /limits/cpuset"]],
  ["limits: {cpuset: 0-9000}", ["BAD_CPUS /limits/cpuset"]],
  ["limits: {cpuset: {mems: 3-1}}", ["BAD_CPUS /limits/cpuset/mems"]],
  ["limits: {hugetlb: {2MiB: 4M}}", ["BAD_VALUE /limits/hugetlb/2MiB"]],
  ["limits: {devices: [fuse]}", ["BAD_VALUE /limits/devices/0"]],
  ["limits: {devices: [{device: /dev/fuse, access: wr}]}", [
    "BAD_VALUE /limits/devices/0/access",
  ]],
  ["limits: {rlimits: {nofiles: 10}}", ["BAD_VALUE /limits/rlimits/nofiles"]],
  ["limits: {rlimits: {nofile: {soft: 2, hard: 1}}}", ["BAD_RLIMIT /limits/rlimits/nofile"]],
  ["limits: {rlimits: {nofile: {soft: unlimited, hard: 1}}}", [
    "BAD_RLIMIT /limits/rlimits/nofile",
  ]],
  ["limits: {cpu: {weight: 0}}", ["BAD_VALUE /limits/cpu/weight"]],
  ["limits: {cpu: 0.001}", ["BAD_VALUE /limits/cpu"]],
  ["limits: [a]", ["WRONG_TYPE /limits"]],
]);

describe("rootfs", () => {
  test("a ready root", () => {
    assertEquals(containerOf("rootfs: {path: ./root}").rootfs, {
      layers: [],
      writable: { kind: "disk" },
      path: "/project/root",
    });
  });
  const writable: readonly (readonly [string, unknown])[] = [
    ["tmpfs", { kind: "tmpfs" }],
    ["disk", { kind: "disk", keptAs: "web" }],
    ["false", { kind: "readonly" }],
    ["{tmpfs: 1MiB}", { kind: "tmpfs", sizeBytes: 1048576 }],
  ];
  for (const [text, want] of writable) {
    test(`writable: ${text}`, () => {
      assertEquals(containerOf(`rootfs: {writable: ${text}}`).rootfs.writable, want as never);
    });
  }
});
table("rootfs that is doubted or refused", [
  ["rootfs: {layers: [{host: /}]}", ["HOST_ROOT /rootfs/layers/0/host"]],
  ["rootfs: {layers: [{host: system}, {host: system}]}", ["CONTRADICTION /rootfs/layers/1"]],
  ["rootfs: {path: a, layers: [{host: system}], writable: disk}", [
    "CONTRADICTION /rootfs/layers",
    "CONTRADICTION /rootfs/writable",
  ]],
  ["rootfs: {writable: true}", ["BAD_VALUE /rootfs/writable"]],
  ["rootfs: {writable: {}}", ["MISSING_KEY /rootfs/writable"]],
  ["rootfs: {writable: {tmpfs: 0B}}", ["BAD_SIZE /rootfs/writable/tmpfs"]],
  ["rootfs: {layers: [{image: a}, {tar: b}]}", ["NOT_YET /rootfs/layers/0/image"]],
  ["rootfs: {layers: [{image: 'a:1.27'}]}", ["NOT_YET /rootfs/layers/0/image"]],
  ["rootfs: {layers: [{image: ./a}, {image: 'oci:a:b'}, {image: '/a.tar'}]}", []],
  ["rootfs: {layers: [{tar: a, digest: 'sha256:00'}]}", ["BAD_VALUE /rootfs/layers/0/digest"]],
  [`rootfs: {layers: [{dir: a, digest: 'sha256:${"0".repeat(64)}'}]}`, [
    "CONTRADICTION /rootfs/layers/0/digest",
  ]],
  ["rootfs: {layers: [{squashfs: c}, {erofs: d, at: /x}]}", []],
  ["rootfs: {layers: [{at: /x}]}", ["MISSING_KEY /rootfs/layers/0"]],
  ["rootfs: {layers: [{dir: ~/x}]}", ["BAD_PATH /rootfs/layers/0/dir"]],
  ["rootfs: {layers: [{dir: x, at: /a/../b}]}", ["BAD_PATH /rootfs/layers/0/at"]],
  ["rootfs: system", ["WRONG_TYPE /rootfs"]],
]);

describe("policy", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["none", { presets: [], isDefault: false }],
    ["[none]", { presets: [], isDefault: false }],
    ["{}", { presets: ["build", "network"], isDefault: true }],
    ["{capabilities: []}", { presets: ["build", "network"], isDefault: true, capabilities: [] }],
    ["{capabilities: [CAP_CHOWN]}", {
      presets: ["build", "network"],
      isDefault: true,
      capabilities: ["CHOWN"],
    }],
    ["{preset: none, capabilities: [bpf]}", {
      presets: [],
      isDefault: false,
      capabilities: ["BPF"],
    }],
    ["{preset: [none]}", { presets: [], isDefault: false }],
    ["{capabilities: [CHECKPOINT_RESTORE]}", {
      presets: ["build", "network"],
      isDefault: true,
      capabilities: ["CHECKPOINT_RESTORE"],
    }],
  ];
  for (const [text, want] of good) {
    test(text, () => assertEquals(containerOf(`policy: ${text}`).policy, want as never));
  }
});
table("policy that is refused", [
  ["policy: build", ["NOT_YET /policy"]],
  ["policy: [minimal, custom]", ["NOT_YET /policy/0", "NOT_YET /policy/1"]],
  ["policy: {preset: network}", ["NOT_YET /policy/preset"]],
  ["policy: {preset: [build]}", ["NOT_YET /policy/preset/0"]],
  ["policy: {syscalls: {deny: [bpf]}}", ["NOT_YET /policy/syscalls"]],
  ["policy: {paths: [{path: /a, access: read}]}", ["NOT_YET /policy/paths"]],
  ["policy: {capabilities: [CAP_FOO]}", ["UNKNOWN_CAPABILITY /policy/capabilities/0"]],
  [
    "policy: {capabilities: {bounding: [KILL, FOO], ambient: [CHOWN], inheritable: [KILL]}}",
    [
      "UNKNOWN_CAPABILITY /policy/capabilities/bounding/1",
      "CONTRADICTION /policy/capabilities/ambient/0",
      "CONTRADICTION /policy/capabilities/ambient/0",
    ],
  ],
  [
    "policy: {capabilities: {bounding: [KILL], permitted: [KILL, CHOWN], effective: [MKNOD]}}",
    [
      "CONTRADICTION /policy/capabilities/permitted/1",
      "CONTRADICTION /policy/capabilities/effective/0",
    ],
  ],
  ["policy: {capabilities: [CHOWN, CAP_CHOWN]}", ["DUPLICATE_VALUE /policy/capabilities/1"]],
  ["policy: {capabilities: [CHOWN, CHOWN]}", ["DUPLICATE_VALUE /policy/capabilities"]],
  ["policy: []", ["EMPTY_VALUE /policy"]],
  ["policy: nonne", ["BAD_VALUE /policy"]],
]);

table("network", [
  ["network: host", []],
  ["network: {}", []],
  ["join: {network: ./db}", ["BAD_VALUE /join/network"]],
  ["join: {network: Db}", ["BAD_VALUE /join/network"]],
  ["network: bridge", ["NOT_YET /network"]],
  ["network: {mode: private}", ["NOT_YET /network/mode"]],
  ["network: {ports: ['80']}", ["NOT_YET /network/ports"]],
  ["network: {ports: [80]}", ["NOT_YET /network/ports", "WRONG_TYPE /network/ports/0"]],
  ["network: {egress: any, dns: [9.9.9.9], names: {a: 10.0.0.1}}", [
    "NOT_YET /network/egress",
    "NOT_YET /network/dns",
    "NOT_YET /network/names",
  ]],
]);

table("stop", [
  ["stop: {}", []],
  ["logs: {maxSize: 64KiB, maxFiles: 9, onFull: drop}", []],
  ["logs: {maxSize: 1KiB}", ["BAD_SIZE /logs/maxSize"]],
  ["logs: {onFull: slow}", []],
  ["logs: {onFull: slow, maxWait: 1m}", []],
  ["logs: {onFull: slow, maxWait: 0s}", ["BAD_DURATION /logs/maxWait"]],
  ["logs: {maxWait: 1s}", ["CONTRADICTION /logs/maxWait"]],
  ["stop: {signal: SIGUSR1, grace: 0s}", []],
  ["stop: {signal: TERMM}", ["UNKNOWN_SIGNAL /stop/signal"]],
  ["stop: {signal: KILL}", ["BAD_SIGNAL /stop/signal"]],
  ["stop: {signal: 15}", ["WRONG_TYPE /stop/signal"]],
  ["stop: {signal: 99}", ["WRONG_TYPE /stop/signal"]],
  ["stop: {grace: 5}", ["WRONG_TYPE /stop/grace"]],
]);

table("volumes", [
  ["volumes: [./a:/b:ro, {bind: a, at: /c, create: true, owner: match, propagation: slave}]", []],
  ['volumes: [{tmpfs: 1MiB, at: /tmp, mode: "0700"}]', []],
  ["volumes: {data: {}}", []],
  ["volumes: [data:/b]", ["UNDECLARED_VOLUME /volumes/0"]],
  ["volumes: [{volume: data, at: /b}]", ["UNDECLARED_VOLUME /volumes/0/volume"]],
  ["volumes: [./a:/b, ./c:/b/]", ["CONTRADICTION /volumes/1"]],
  ["volumes: [./a:/]", ["PROTECTED_PLACE /volumes/0"]],
  ["volumes: [./a:/proc/sys/kernel]", ["PROTECTED_PLACE /volumes/0"]],
  ["volumes: [{bind: a, at: /sys/fs/cgroup}]", ["PROTECTED_PLACE /volumes/0/at"]],
  ["volumes: [{bind: a, at: /x/../proc}]", [
    "BAD_PATH /volumes/0/at",
    "PROTECTED_PLACE /volumes/0/at",
  ]],
  ["volumes: [/:/host]", ["HOST_ROOT /volumes/0"]],
  ["volumes: [/:/host:ro]", ["HOST_ROOT /volumes/0"]],
  ["volumes: [~/a:/b]", ["BAD_PATH /volumes/0"]],
  ["volumes: [{tmpfs: 1MiB, at: /b, create: true}]", ["CONTRADICTION /volumes/0/create"]],
  ['volumes: [{bind: a, at: /b, mode: "0700"}]', ["CONTRADICTION /volumes/0/mode"]],
  ["volumes: [{bind: a, tmpfs: 1MiB, at: /b}]", ["CONTRADICTION /volumes/0"]],
  ["volumes: [./a]", ["BAD_VALUE /volumes/0"]],
]);

table("secrets", [
  ['secrets: {/run/a: b, /run/c: {file: ./d, mode: "0440"}, /run/e: {value: f}}', []],
  ["secrets: {/run/a: b, /run//a: c}", ["CONTRADICTION /secrets/~1run~1~1a"]],
  ["secrets: {/proc/a: b}", ["PROTECTED_PLACE /secrets/~1proc~1a"]],
  ["secrets: {a: b}", ["BAD_KEY /secrets/a"]],
  ["secrets: {/run/a: 5}", ["WRONG_TYPE /secrets/~1run~1a"]],
  ["secrets: {/run/a: {file: b, value: c}}", ["CONTRADICTION /secrets/~1run~1a"]],
]);

const GIDS = "gids: [{inside: 0, outside: 1, count: 1}]";
table("userns", [
  [`userns: {uids: [{inside: 0, outside: 1, count: 1}], ${GIDS}}`, []],
  ["userns: own", ["BAD_VALUE /userns"]],
  [`userns: {${GIDS}}`, ["MISSING_KEY /userns"]],
  [
    `userns: {uids: [{inside: 0, outside: 4294967290, count: 6}], ${GIDS}}`,
    ["BAD_ID_MAP /userns/uids/0"],
  ],
  [
    `userns: {uids: [{inside: 0, outside: 5, count: 10}, {inside: 9, outside: 20, count: 1}], ${GIDS}}`,
    ["BAD_ID_MAP /userns/uids/1"],
  ],
  [
    `userns: {uids: [{inside: 0, outside: 5, count: 10}, {inside: 10, outside: 14, count: 1}], ${GIDS}}`,
    ["BAD_ID_MAP /userns/uids/1"],
  ],
]);

table("not yet", [
  ["environmentFiles: [a.env]", ["NOT_YET /environmentFiles"]],
  ["platform: windows", ["NOT_YET /platform"]],
  ["vm: {driver: qemu}", ["NOT_YET /vm"]],
  ["onUnsupported: warn", ["NOT_YET /onUnsupported"]],
]);

table("wrong and not yet at once", [
  ["network: {ports: [[]]}", ["NOT_YET /network/ports", "WRONG_TYPE /network/ports/0"]],
]);

table("inputs", [
  ["inputs: [{from: a}]", ["MISSING_KEY /inputs/0"]],
]);
