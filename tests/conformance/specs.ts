/** The containers of the comparison: each key that OCI has a field for, alone and together. */
import { existsSync } from "node:fs";

/** `PLACE` stands for a directory with the files of `FILES`. */
export const PLACE = "/place";

/** Stands for the directory in /proc of a process that has namespaces of its own. */
export const HOLDER = "/holder";

/** What the layers of the specs are made of, relative to the directory. */
export const FILES: Readonly<Record<string, string>> = {
  "site/index.html": "site\n",
  "more/srv/below": "below\n",
  "top/srv/above": "above\n",
};

type Spec = Readonly<Record<string, unknown>>;

const layers = (...more: readonly Spec[]): Spec => ({
  layers: [{ host: "system" }, ...more],
});

const IDS = [{ inside: 0, outside: 100_000, count: 65_536 }];
const MAPPED: Spec = { userns: { uids: IDS, gids: IDS } };

const isUnified = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** Specs for a machine that has the file. */
const where = (file: string, specs: Readonly<Record<string, Spec>>) =>
  existsSync(file) ? specs : {};

/** Limits that not every machine has. */
const OF_THE_MACHINE: Readonly<Record<string, Spec>> = {
  ...(isUnified
    ? {
      "memory-of-v2": { limits: { memory: { max: "64MiB", high: "48MiB", oomGroup: true } } },
      "swap-alone": { limits: { swap: "16MiB" } },
    }
    : {}),
  ...where("/sys/kernel/mm/hugepages/hugepages-2048kB", {
    "huge-pages": { limits: { hugetlb: { "2MiB": "5MiB" } } },
  }),
  ...(["/dev/fuse", "/dev/net/tun"].every((path) => existsSync(path))
    ? {
      "devices": {
        limits: { devices: [{ device: "/dev/fuse", access: "r" }, "/dev/net/tun"] },
      },
    }
    : {}),
  ...where("/dev/vda", {
    "disk": {
      limits: { io: [{ device: "/dev/vda", readBytes: "1MiB", writeOperations: 100 }] },
    },
  }),
};

/** Name → keys besides the command, which is the observer; `policy: none` unless they say another. */
export const SPECS: Readonly<Record<string, Spec>> = {
  "defaults": {},
  "default-policy": { policy: undefined },
  "no-capability": { policy: { preset: "none", capabilities: [] } },
  "one-capability": { policy: { preset: "none", capabilities: ["NET_BIND_SERVICE"] } },
  "two-capabilities": { policy: { preset: "none", capabilities: ["CHOWN", "KILL"] } },
  "a-strong-capability": { policy: { preset: "none", capabilities: ["SYS_ADMIN"] } },
  "many-capabilities": {
    policy: { preset: "none", capabilities: ["NET_ADMIN", "NET_RAW", "SYS_PTRACE", "MKNOD"] },
  },
  "user": { user: 1000 },
  "user-and-group": { user: "1000:2000" },
  "user-of-a-high-id": { user: "2147483647:2147483647" },
  "user-by-name": { user: "nobody" },
  "user-and-group-by-name": { user: "daemon:adm" },
  "user-of-the-root-group": { user: "1000:0" },
  "user-with-capability": {
    user: "1000:1000",
    policy: { preset: "none", capabilities: ["NET_BIND_SERVICE"] },
  },
  "user-with-two": {
    user: "7:8",
    policy: { preset: "none", capabilities: ["CHOWN", "SYS_CHROOT"] },
  },
  "user-without": { user: "7:8", policy: { preset: "none", capabilities: [] } },
  "hostname": { hostname: "web-1.example" },
  "labels": { labels: { team: "web", "org.example/x": "a b" } },
  "environment": { environment: { A: "1", EMPTY: "", "with.dot": "x=y", LANG: "C.UTF-8" } },
  "environment-instead": { environment: { PATH: "/usr/bin:/bin", HOME: "/srv" } },
  "workdir": { workdir: "/tmp" },
  "workdir-that-is-made": { workdir: "/srv/a/b" },
  "limits-default": { limits: {} },
  "memory": { limits: { memory: "64MiB" } },
  "memory-of-odd-bytes": { limits: { memory: "33554433B" } },
  "pids": { limits: { pids: 17 } },
  "cpu": { limits: { cpu: 1.5 } },
  "cpu-of-a-hundredth": { limits: { cpu: 0.01 } },
  "all-limits": { limits: { cpu: 0.5, memory: "128MiB", pids: 64 } },
  "network-host": { network: "host" },
  "network-none": { network: "none" },
  "network-host-and-rights": {
    network: "host",
    policy: { preset: "none", capabilities: ["NET_ADMIN"] },
  },
  "read-only": { rootfs: { ...layers(), writable: false } },
  "bounded": { rootfs: { ...layers(), writable: { tmpfs: "8MiB" } } },
  "layer-at": { rootfs: layers({ dir: `${PLACE}/site`, at: "/srv/www" }) },
  "layers-at": {
    rootfs: layers({ dir: `${PLACE}/site`, at: "/srv/www" }, {
      dir: `${PLACE}/more`,
      at: "/opt/more",
    }),
  },
  "overlay": { rootfs: layers({ dir: `${PLACE}/more` }, { dir: `${PLACE}/top` }) },
  "overlay-read-only": { rootfs: { ...layers({ dir: `${PLACE}/more` }), writable: false } },
  "volume": { volumes: [{ bind: `${PLACE}/site`, at: "/srv/www" }] },
  "volume-read-only": { volumes: [`${PLACE}/site:/opt/a/b:ro`] },
  "volume-of-a-file": { volumes: [{ bind: `${PLACE}/site/index.html`, at: "/srv/page" }] },
  "volume-in-memory": { volumes: [{ tmpfs: "4MiB", at: "/srv/fast" }] },
  "mapped-ids": MAPPED,
  "mapped-layer": { ...MAPPED, rootfs: layers({ dir: `${PLACE}/site`, at: "/srv/www" }) },
  "owner-matches": {
    user: "1000:1000",
    volumes: [{ bind: `${PLACE}/site`, at: "/srv/www", owner: "match" }],
  },
  "stop": { stop: { signal: "SIGINT", grace: "1s" } },
  "rlimits-and-sysctls": {
    limits: {
      rlimits: { nofile: { soft: 64, hard: 128 }, core: 0, cpu: "unlimited", memlock: 65_536 },
    },
    sysctls: {
      "net.ipv4.ip_forward": 1,
      "net.core.somaxconn": 77,
      "kernel.sem": "250 32000 32 100",
      "fs.mqueue.msg_max": 11,
    },
  },
  "process": {
    user: "1000:1000",
    process: { umask: "0027", oomScoreAdj: 500, groups: [27, 44], personality: "linux32" },
  },
  "priorities": {
    process: {
      ioPriority: { class: "best-effort", level: 7 },
      scheduler: { policy: "batch", nice: 5 },
      cpuAffinity: "0",
    },
  },
  "capability-sets": {
    user: "1000:1000",
    policy: {
      preset: "none",
      capabilities: {
        bounding: ["CHOWN", "KILL", "NET_BIND_SERVICE"],
        inheritable: ["KILL", "NET_BIND_SERVICE"],
        ambient: ["NET_BIND_SERVICE"],
      },
    },
  },
  "capability-sets-of-root": {
    policy: {
      preset: "none",
      capabilities: {
        bounding: ["CHOWN", "KILL", "SETUID"],
        permitted: ["CHOWN", "KILL", "SETUID"],
        inheritable: ["KILL"],
      },
    },
  },
  "joined": {
    join: { network: `${HOLDER}/ns/net`, ipc: `${HOLDER}/ns/ipc`, uts: `${HOLDER}/ns/uts` },
  },
  "clocks": { time: { boottime: "1d", monotonic: "1h" } },
  "more-limits": {
    limits: {
      memory: { max: "64MiB", low: "8MiB" },
      swap: "32MiB",
      cpu: { max: 1.5, weight: 200 },
      cpuset: "0",
    },
  },
  ...OF_THE_MACHINE,
  "together": {
    hostname: "all",
    user: "1000:2000",
    workdir: "/srv/www",
    environment: { A: "b" },
    limits: { cpu: 2, memory: "64MiB", pids: 32 },
    rootfs: { ...layers({ dir: `${PLACE}/site`, at: "/srv/www" }), writable: false },
    policy: { preset: "none", capabilities: ["NET_BIND_SERVICE", "KILL"] },
  },
};
