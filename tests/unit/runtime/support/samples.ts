/** Operations of every kind, each form of it once. A new kind does not type-check before it has its samples here. */
import type { Op, OpKind } from "../../../../runtime/plan/ops/registry.ts";

type Sample<K extends OpKind> = Extract<Op, { kind: K }>;

const stage = { where: "stage", origin: "/limits" } as const;
const container = { where: "container", origin: "default" } as const;
const process = { where: "process", origin: "/commands/0", command: 0 } as const;

const V1 = "/sys/fs/cgroup/pids/containerv";
const V2 = "/sys/fs/cgroup/containerv";
const PARENTS_V1 = [{ path: V1, enable: [], disable: [], removable: true }];
const PARENTS_V2 = [
  { path: "/sys/fs/cgroup", enable: ["memory", "pids"], disable: ["memory"], removable: false },
  { path: V2, enable: ["memory", "pids"], disable: [], removable: true },
];

const ONE_ID = {
  uids: [{ inside: 0, outside: 1000, count: 1 }],
  gids: [{ inside: 0, outside: 1001, count: 1 }],
};

const GROUPS = {
  "cgroup.make": [
    { ...stage, kind: "cgroup.make", id: "v1", path: `${V1}/box`, parents: PARENTS_V1 },
    { ...stage, kind: "cgroup.make", id: "v2", path: `${V2}/box`, parents: PARENTS_V2 },
  ],
  "cgroup.remove": [
    { ...stage, kind: "cgroup.remove", id: "v1", path: `${V1}/box`, parents: PARENTS_V1 },
    { ...stage, kind: "cgroup.remove", id: "v2", path: `${V2}/box`, parents: PARENTS_V2 },
  ],
  "cgroup.write": [{
    ...stage,
    kind: "cgroup.write",
    id: "memory",
    path: `${V2}/box/memory.max`,
    value: "100000",
    holds: "98304",
  }, {
    ...stage,
    kind: "cgroup.write",
    id: "line",
    path: `${V2}/box/io.bfq.weight`,
    value: "8:0 200",
    holds: "8:0 200",
    line: true,
    instead: {
      path: `${V2}/box/io.weight`,
      value: "8:0 200",
      holds: "8:0 200",
      line: true,
    },
  }, {
    ...stage,
    kind: "cgroup.write",
    id: "shown",
    path: `${V1}/box/devices.allow`,
    value: "c 1:3 rwm",
    shownBy: `${V1}/box/devices.list`,
    holds: "c 1:3 rwm",
  }, {
    ...stage,
    kind: "cgroup.write",
    id: "unread",
    path: `${V1}/box/devices.deny`,
    value: "a",
  }],
  "cgroup.open": [
    { ...stage, kind: "cgroup.open", id: "v1", path: `${V1}/box`, as: "tasks", fd: "group" },
    { ...stage, kind: "cgroup.open", id: "v2", path: `${V2}/box`, as: "directory", fd: "group" },
  ],
  "cgroup.room": [{
    ...stage,
    kind: "cgroup.room",
    id: "room",
    from: "/sys/fs/cgroup/user",
    to: "/sys/fs/cgroup/user/containerv.processes",
    index: 0,
  }],
  "cgroup.join": [
    { ...container, kind: "cgroup.join", id: "join", path: `${V1}/box`, fd: "group" },
  ],
  "cgroup.devices": [{
    ...stage,
    kind: "cgroup.devices",
    id: "devices",
    path: `${V2}/box`,
    group: "group",
    rules: [
      { type: "character", major: 1, minor: 3, access: "rwm" },
      { type: "block", major: 7, access: "r" },
    ],
  }],
  "cgroup.counters": [{
    ...stage,
    kind: "cgroup.counters",
    id: "counters",
    files: [
      { counter: "memory", path: `${V2}/box/memory.events` },
      { counter: "cpu", path: `${V2}/box/cpu.stat` },
    ],
  }],
} as const satisfies { [K in OpKind & `cgroup.${string}`]: readonly Sample<K>[] };

const FILES = {
  "directory": [
    { ...container, kind: "directory", id: "top", path: "/top", mode: 0o755 },
    {
      ...container,
      kind: "directory",
      id: "owned",
      path: "/srv/own",
      mode: 0o1777,
      owner: { uid: 1000, gid: 100 },
    },
  ],
  "file": [
    { ...container, kind: "file", id: "file", path: "/etc/hostname", mode: 0o644, text: "box\n" },
  ],
  "symlink": [
    { ...container, kind: "symlink", id: "link", path: "/dev/fd", target: "/proc/self/fd" },
  ],
  "device": [
    {
      ...container,
      kind: "device",
      id: "node",
      path: "/dev/null",
      mode: 0o666,
      major: 1,
      minor: 3,
    },
  ],
} as const satisfies {
  [K in "directory" | "file" | "symlink" | "device"]: readonly Sample<K>[];
};

const BIND = {
  ...container,
  kind: "mount.bind",
  source: "/srv/data",
  attributes: ["ro", "nosuid", "nodev"],
  optional: false,
} as const;

const MOUNTS = {
  "mount.private": [{ ...container, kind: "mount.private", id: "private" }],
  "mount.new": [
    {
      ...container,
      kind: "mount.new",
      id: "root",
      fs: "tmpfs",
      at: "/",
      options: [["mode", "0755"], ["size", "4096"]],
      attributes: ["nosuid", "nodev"],
    },
    {
      ...container,
      kind: "mount.new",
      id: "devpts",
      fs: "devpts",
      at: "/dev/pts",
      options: [["newinstance"], ["gid", "5"]],
      attributes: [],
    },
  ],
  "mount.bind": [
    { ...BIND, id: "root", at: "/", target: "root" },
    { ...BIND, id: "mapped root", at: "/", target: "root", slot: "layer root" },
    { ...BIND, id: "directory", at: "/data", target: "directory" },
    { ...BIND, id: "file", at: "/etc/file", target: "file", optional: true, attributes: [] },
  ],
  "mount.overlay": [
    {
      ...container,
      kind: "mount.overlay",
      id: "memory",
      lowers: ["/a", "/b"],
      upper: { kind: "tmpfs", size: 1048576 },
      userxattr: true,
    },
    {
      ...container,
      kind: "mount.overlay",
      id: "image",
      lowers: ["/a", { fd: 7, of: "/srv/root.squashfs" }],
      upper: { kind: "tmpfs" },
      userxattr: false,
    },
    {
      ...container,
      kind: "mount.overlay",
      id: "many",
      lowers: Array.from({ length: 90 }, (_, index) => `/${index}`),
      upper: { kind: "tmpfs" },
      userxattr: true,
    },
    {
      ...container,
      kind: "mount.overlay",
      id: "disk",
      lowers: ["/", "/a"],
      upper: { kind: "disk", path: "/var/lib/containerv/uppers/box" },
      userxattr: false,
    },
  ],
  "mount.readonly": [{ ...container, kind: "mount.readonly", id: "readonly", at: "/" }],
  "mount.shield": [
    { ...container, kind: "mount.shield", id: "dir", how: "hide directory", at: "/proc/acpi" },
    { ...container, kind: "mount.shield", id: "file", how: "hide file", at: "/proc/kcore" },
    { ...container, kind: "mount.shield", id: "ro", how: "read-only", at: "/proc/sys" },
  ],
  "pivot": [
    { ...container, kind: "pivot", id: "one", stacked: 1 },
    { ...container, kind: "pivot", id: "two", stacked: 2 },
  ],
  "layer.map": [
    {
      ...stage,
      kind: "layer.map",
      id: "map",
      path: "/srv/layer",
      slot: "layer 0",
      attributes: ["ro", "nosuid", "nodev"],
      ids: {
        uids: [{ inside: 0, outside: 100000, count: 65536 }],
        gids: [{ inside: 0, outside: 200000, count: 1000 }, { inside: 1000, outside: 0, count: 1 }],
      },
      first: true,
      last: false,
    },
    {
      ...stage,
      kind: "layer.map",
      id: "map image",
      path: "/srv/image.erofs",
      slot: "image 10",
      fd: 10,
      attributes: ["ro", "nosuid", "nodev"],
      ids: ONE_ID,
      first: false,
      last: false,
    },
    {
      ...stage,
      kind: "layer.map",
      id: "map root",
      path: "/srv/root",
      slot: "layer root",
      recursive: true,
      attributes: ["nosuid", "nodev"],
      ids: ONE_ID,
      first: false,
      last: true,
    },
  ],
  "layer.hold": [
    { ...stage, kind: "layer.hold", id: "hold", path: "/var/lib/containerv/layers/sha256-00" },
  ],
  "upper": [{
    ...stage,
    kind: "upper",
    id: "upper",
    path: "/var/lib/containerv/uppers/box",
    mode: 0o700,
  }],
} as const satisfies {
  [K in (OpKind & (`mount.${string}` | `layer.${string}`)) | "pivot" | "upper"]: readonly Sample<
    K
  >[];
};

const VOLUME = {
  kind: "volume.open",
  base: "/srv/project",
  path: "src/a",
  slot: "volume 0",
  attributes: ["ro", "nosuid", "nodev"],
  propagation: "private",
} as const;

const VOLUMES = {
  "volume.keep": [{
    ...stage,
    kind: "volume.keep",
    id: "keep",
    path: "/var/lib/containerv/volumes/shop-0a1b2c3d/data",
    owner: { uid: 1000, gid: 100 },
  }],
  "volume.open": [
    { ...stage, ...VOLUME, id: "slave", propagation: "slave" },
    { ...container, ...VOLUME, id: "whole", path: "", propagation: "shared", attributes: [] },
    { ...stage, ...VOLUME, id: "create", create: { uid: 1000, gid: 100 } },
    {
      ...stage,
      ...VOLUME,
      id: "owner",
      owner: { from: { uid: 1000, gid: 100 }, to: { uid: 0, gid: 0 } },
    },
  ],
  "volume.new": [{
    ...container,
    kind: "volume.new",
    id: "memory",
    slot: "volume 1",
    options: [["size", "1048576"], ["mode", "1777"]],
    attributes: ["nosuid", "nodev"],
  }],
  "volume.attach": [
    {
      ...container,
      kind: "volume.attach",
      id: "directory",
      slot: "volume 0",
      at: "/srv/x",
      target: "directory",
    },
    {
      ...container,
      kind: "volume.attach",
      id: "file",
      slot: "volume 1",
      at: "/file",
      target: "file",
    },
    {
      ...container,
      kind: "volume.attach",
      id: "image",
      slot: "/srv/root.squashfs",
      fd: 7,
      at: "/srv/x",
      target: "directory",
    },
  ],
  "secret.room": [{ ...container, kind: "secret.room", id: "room", sizeBytes: 2097152 }],
  "secret": [{
    ...container,
    kind: "secret",
    id: "secret",
    fd: 4,
    at: "/run/secrets/db",
    mode: 0o400,
    uid: 1000,
    gid: 100,
  }],
} as const satisfies {
  [K in (OpKind & `volume.${string}`) | (OpKind & `secret${string}`)]: readonly Sample<K>[];
};
const MAPS = {
  kind: "maps",
  uids: [{ inside: 0, outside: 1000, count: 1 }, { inside: 1, outside: 100000, count: 65536 }],
  gids: [{ inside: 0, outside: 1001, count: 1 }],
  origin: "/userns",
} as const;
const HELPERS = { newuidmap: "/usr/bin/newuidmap", newgidmap: "/usr/bin/newgidmap" };

const NAMESPACES = {
  "clone": [
    {
      ...stage,
      kind: "clone",
      id: "root",
      namespaces: ["mount", "pid", "net", "uts", "ipc", "cgroup"],
      group: "group",
      announce: false,
    },
    { ...stage, kind: "clone", id: "user", namespaces: ["user", "mount"], announce: true },
    {
      ...stage,
      kind: "clone",
      id: "passed",
      namespaces: ["mount"],
      announce: false,
      passed: 2,
    },
    { ...stage, kind: "clone", id: "gate", namespaces: ["user"], announce: false, gate: true },
  ],
  "tether": [{ ...container, kind: "tether", id: "tether" }],
  "retether": [{ ...process, kind: "retether", id: "retether" }],
  "untether": [{ ...container, kind: "untether", id: "untether" }],
  "idmap": [
    { ...container, kind: "idmap", id: "map", uid: 0, hostUid: 1000, gid: 5, hostGid: 1001 },
  ],
  "namespace.open": [{
    ...stage,
    kind: "namespace.open",
    id: "open",
    path: "/proc/4711/ns/net",
    fd: "network namespace",
  }],
  "namespace.join": [{
    ...stage,
    kind: "namespace.join",
    id: "join",
    namespace: "net",
    fd: "network namespace",
  }, {
    ...stage,
    kind: "namespace.join",
    id: "named",
    namespace: "net",
    fd: 7,
    of: "db",
  }],
  "time": [{ ...container, kind: "time", id: "time", monotonicMs: 1500, boottimeMs: 86400000 }],
  "ids.claim": [
    { ...stage, kind: "ids.claim", id: "claim", path: "/run/containerv/ids", first: 300000 },
  ],
  "idmap.ask": [
    { ...stage, kind: "idmap.ask", id: "write", index: 0, ask: MAPS },
    { ...stage, kind: "idmap.ask", id: "helpers", index: 1, ask: { ...MAPS, helpers: HELPERS } },
  ],
  "idmap.gate": [
    {
      ...container,
      kind: "idmap.gate",
      id: "become",
      waits: true,
      become: { uid: 0, gid: 0 },
      dropGroups: true,
    },
    { ...container, kind: "idmap.gate", id: "wait", waits: true, dropGroups: false },
  ],
  "unshare.cgroup": [{ ...container, kind: "unshare.cgroup", id: "unshare" }],
  "keyring": [{ ...container, kind: "keyring", id: "keyring" }],
  "hostname": [{ ...container, kind: "hostname", id: "hostname", name: "box" }],
  "loopback": [{ ...container, kind: "loopback", id: "lo" }],
} as const satisfies {
  [
    K in
      | "clone"
      | "tether"
      | "retether"
      | "untether"
      | "keyring"
      | "idmap"
      | "ids.claim"
      | "time"
      | (OpKind & `namespace.${string}`)
      | (OpKind & `idmap.${string}`)
      | "unshare.cgroup"
      | "hostname"
      | "loopback"
  ]: readonly Sample<K>[];
};

const IDLE = {
  "idle": [
    { ...container, kind: "idle", id: "idle", endedBy: [15, 2] },
  ],
  "init.execute": [
    { ...container, kind: "init.execute", id: "init", announce: false },
    { ...container, kind: "init.execute", id: "init announced", announce: true },
  ],
} as const satisfies { [K in "idle" | "init.execute"]: readonly Sample<K>[] };

const JOINS = {
  "join.clone": [
    { ...stage, kind: "join.clone", id: "v1", announce: false },
    { ...stage, kind: "join.clone", id: "v2", group: "group", announce: true },
  ],
  "join.namespaces": [{
    ...container,
    kind: "join.namespaces",
    id: "namespaces",
    namespaces: ["user", "mount", "pid", "cgroup"],
  }, {
    ...container,
    kind: "join.namespaces",
    id: "mounts",
    namespaces: ["mount"],
    root: true,
  }],
  "join.enter": [{ ...container, kind: "join.enter", id: "enter" }],
  "join.leave": [{ ...container, kind: "join.leave", id: "leave" }],
  "join.adopt": [{ ...stage, kind: "join.adopt", id: "adopt" }],
} as const satisfies { [K in OpKind & `join.${string}`]: readonly Sample<K>[] };

const EXECUTE = {
  ...process,
  kind: "execute",
  argv: ["tool", "x".repeat(50), 'a "b"'],
  environment: ["PATH=/a:/b", "HOME=/"],
  umask: 0o027,
} as const;

const PROCESSES = {
  "rlimit": [
    {
      ...process,
      kind: "rlimit",
      id: "nofile",
      resource: "RLIMIT_NOFILE",
      soft: 1024,
      hard: "unlimited",
    },
  ],
  "oom_score": [{ ...container, kind: "oom_score", id: "oom", value: -500 }],
  "ioprio": [
    { ...process, kind: "ioprio", id: "best", class: "best-effort", level: 7 },
    { ...process, kind: "ioprio", id: "idle", class: "idle", level: 4 },
  ],
  "scheduler": [
    { ...process, kind: "scheduler", id: "batch", policy: "batch", nice: -5, priority: 0 },
    { ...process, kind: "scheduler", id: "rr", policy: "rr", nice: 0, priority: 3 },
  ],
  "affinity": [{ ...process, kind: "affinity", id: "cpus", cpus: [0, 65] }],
  "personality": [{ ...process, kind: "personality", id: "32", persona: 0x40008 }],
  "sysctl": [{
    ...container,
    kind: "sysctl",
    id: "sem",
    path: "kernel/sem",
    value: "250 32000 32 128",
  }],
  "session": [
    { ...process, kind: "session", id: "session" },
    { ...process, kind: "session", id: "terminal", terminal: true },
  ],
  "bound": [
    { ...process, kind: "bound", id: "some", keep: ["CHOWN"], last: 2, noNewPrivileges: true },
    { ...process, kind: "bound", id: "none", keep: [], last: 1, noNewPrivileges: false },
  ],
  "identity": [
    {
      ...process,
      kind: "identity",
      id: "root",
      uid: 0,
      gid: 0,
      groups: [],
      capabilities: ["CHOWN", "KILL"],
      ambient: false,
    },
    {
      ...process,
      kind: "identity",
      id: "user",
      uid: 1000,
      gid: 100,
      groups: [4, 24],
      capabilities: ["NET_BIND_SERVICE"],
      ambient: true,
    },
    {
      ...process,
      kind: "identity",
      id: "sets",
      uid: 1000,
      gid: 100,
      groups: [],
      capabilities: ["KILL"],
      ambient: false,
      sets: { inheritable: ["CHOWN", "KILL"], ambient: ["KILL"] },
    },
    {
      ...process,
      kind: "identity",
      id: "mapped",
      uid: 1000,
      gid: 100,
      capabilities: [],
      ambient: false,
    },
  ],
  "workdir": [
    { ...process, kind: "workdir", id: "workdir", path: "/work", announce: false },
    { ...process, kind: "workdir", id: "announced", path: "/work", announce: true },
    { ...process, kind: "workdir", id: "joiner", path: "/work", announce: true, joins: true },
  ],
  "execute": [
    { ...EXECUTE, id: "one", candidates: ["/a/tool"] },
    { ...EXECUTE, id: "two", candidates: ["/a/tool", "/b/tool"] },
  ],
  "prepare": [
    { ...stage, kind: "prepare", id: "prepare", announce: false },
    { ...stage, kind: "prepare", id: "announced", announce: true },
    { ...stage, kind: "prepare", id: "passed", announce: false, passed: 2 },
    { ...stage, kind: "prepare", id: "again", announce: true, passed: 1, again: true },
  ],
  "stdin": [{ ...stage, kind: "stdin", id: "stdin" }],
  "watch": [
    { ...stage, kind: "watch", id: "watch" },
    { ...stage, kind: "watch", id: "timed", timeoutMs: 1500 },
    { ...stage, kind: "watch", id: "detachable", detachable: true },
    { ...stage, kind: "watch", id: "announced", announce: true },
    { ...stage, kind: "watch", id: "terminal", terminal: { input: true } },
    {
      ...stage,
      kind: "watch",
      id: "terminal detachable",
      detachable: true,
      timeoutMs: 1500,
      terminal: { input: false },
    },
  ],
  "end": [{ ...stage, kind: "end", id: "end" }],
  "command": [
    { ...container, kind: "command", id: "first", index: 0, last: false, announce: true },
    {
      ...container,
      kind: "command",
      id: "last",
      index: 1,
      last: true,
      announce: false,
      timeoutMs: 2250,
    },
  ],
} as const satisfies {
  [
    K in
      | "rlimit"
      | "oom_score"
      | "ioprio"
      | "scheduler"
      | "affinity"
      | "personality"
      | "sysctl"
      | "session"
      | "bound"
      | "identity"
      | "workdir"
      | "execute"
      | "prepare"
      | "stdin"
      | "watch"
      | "end"
      | "command"
  ]: readonly Sample<K>[];
};

const TERMINALS = {
  "terminal.pair": [
    { ...stage, kind: "terminal.pair", id: "caller's" },
    { ...stage, kind: "terminal.pair", id: "said", size: { columns: 132, rows: 43 } },
  ],
  "terminal.raw": [{ ...stage, kind: "terminal.raw", id: "raw" }],
  "terminal.restore": [{ ...stage, kind: "terminal.restore", id: "restore" }],
  "terminal.make": [
    {
      ...container,
      kind: "terminal.make",
      id: "first",
      below: "/dev",
      uid: 1000,
      console: true,
    },
    { ...container, kind: "terminal.make", id: "joiner", uid: 1000, console: false, joins: true },
  ],
} as const satisfies {
  [
    K in "terminal.pair" | "terminal.raw" | "terminal.restore" | "terminal.make"
  ]: readonly Sample<K>[];
};

/** Per kind, its forms. */
export const SAMPLES: { readonly [K in OpKind]: readonly Sample<K>[] } = {
  "unpack": [{
    kind: "unpack",
    id: "unpack/0",
    where: "stage",
    origin: "/rootfs/layers/0",
    archive: "/srv/base.tar",
    diffId: `sha256:${"0123456789abcdef".repeat(4)}`,
  }],
  "root.hand": [
    { ...container, kind: "root.hand", id: "files/root", fd: 7, lasting: false },
    { ...container, kind: "root.hand", id: "lasting", fd: 8, lasting: true, locked: true },
    {
      ...container,
      kind: "root.hand",
      id: "giving",
      fd: 7,
      lasting: false,
      gives: { uid: 1000, gid: 100 },
    },
  ],
  "input": [{
    kind: "input",
    id: "inputs/0",
    where: "stage",
    origin: "/inputs/0",
    from: "/specs/site.mk",
    base: "/specs",
    to: "/build/Makefile",
    into: false,
    mode: 0o644,
    owner: { uid: 0, gid: 0 },
  }],
  "output": [{
    kind: "output",
    id: "outputs/0",
    where: "stage",
    origin: "/outputs/0",
    from: "/build/junit.xml",
    to: "/specs/reports",
    base: "/specs",
    into: true,
    when: "always",
  }],
  ...GROUPS,
  ...FILES,
  ...MOUNTS,
  ...VOLUMES,
  ...NAMESPACES,
  ...IDLE,
  ...JOINS,
  ...PROCESSES,
  ...TERMINALS,
};

/** All of them in one list. */
export const ALL_SAMPLES: readonly Op[] = Object.values(SAMPLES).flat();
