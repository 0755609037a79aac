/** Machines that do not exist: what a plan depends on, for each kind that is worth a row in a table. */
import type { Answers, Host } from "../../../../runtime/plan/host.ts";

/** Root on a machine with nothing but cgroup v2, none of its controllers on. */
export const HOST_V2: Host = {
  version: 1,
  kernel: "6.12.0",
  architecture: "x86_64",
  pageBytes: 4096,
  uid: 0,
  gid: 0,
  privileged: true,
  lastCapability: 40,
  bounding: "1ffffffffff",
  cgroups: {
    v2: {
      mount: "/sys/fs/cgroup",
      controllers: ["cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma", "misc"],
      enabled: ["pids"],
    },
    v1: {},
    cpuset: { cpus: [0, 1], mems: [0] },
  },
  system: {
    "/usr": { kind: "directory" },
    "/bin": { kind: "symlink", target: "usr/bin" },
    "/sbin": { kind: "symlink", target: "usr/sbin" },
    "/lib": { kind: "symlink", target: "usr/lib" },
    "/lib64": { kind: "symlink", target: "usr/lib64" },
  },
};

/** Root; each controller on a hierarchy of v1, cpu and cpuacct on one, and an empty v2 beside them. */
export const HOST_HYBRID: Host = {
  ...HOST_V2,
  cgroups: {
    v2: { mount: "/sys/fs/cgroup/unified", controllers: [], enabled: [] },
    v1: {
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory",
      pids: "/sys/fs/cgroup/pids",
    },
  },
};

/** Root; every controller on a hierarchy of v1 of its own, and no v2 at all. */
export const HOST_V1: Host = {
  ...HOST_V2,
  cgroups: {
    v1: Object.fromEntries(
      ["memory", "cpu", "pids", "cpuset", "blkio", "hugetlb", "devices"]
        .map((name) => [name, `/sys/fs/cgroup/${name}`]),
    ),
    cpuset: { cpus: [0, 1], mems: [0] },
  },
};

/** Root; memory on v1, pids and cpu on v2: the container is in a group of each. */
export const HOST_MIXED: Host = {
  ...HOST_V2,
  cgroups: {
    v2: { mount: "/sys/fs/cgroup/unified", controllers: ["cpu", "pids"], enabled: [] },
    v1: { memory: "/sys/fs/cgroup/memory" },
  },
};

/** Root; no cgroup file system at all. */
export const HOST_NO_CGROUPS: Host = { ...HOST_V2, cgroups: { v1: {} } };

/** An ordinary user on the machine of HOST_V2. */
export const HOST_USER: Host = { ...HOST_V2, uid: 1000, gid: 1001, privileged: false };

export const ANSWERS: Answers = {
  instance: "box",
  dataDirectory: "/var/lib/containerv",
  announce: false,
};
