/** Each difference from crun and runc that is meant, and why. A row that explains nothing any more fails the test. */
import type { Difference } from "./observe.ts";

export interface Explained {
  readonly by: "crun" | "runc" | "both";
  /** Of this spec alone. */
  readonly spec?: string;
  /** Each is a pattern that the whole text must match; absent: anything, also nothing. */
  readonly facet: string;
  readonly ours?: string;
  readonly theirs?: string;
  readonly why: string;
  /** True: not on every machine. */
  readonly optional?: boolean;
}

const HIDDEN_FILES =
  "mountinfo /proc/(?:interrupts|kcore|keys|latency_stats|sched_debug|timer_list|timer_stats)";
const HIDDEN_DIRECTORIES =
  "mountinfo /(?:proc/(?:acpi|asound|dynamic_debug|scsi)|sys/firmware|sys/devices/virtual/powercap)";
const LOCKED = "nodev,noexec,nosuid,relatime,ro";

/** Files of groups that the observer shows. */
const KNOBS = [
  "cpu\\.(?:cfs_period_us|cfs_quota_us|shares|max|weight)",
  "cpuset\\.(?:cpus|mems)",
  "memory\\.(?:limit_in_bytes|memsw.limit_in_bytes|soft_limit_in_bytes)",
  "memory\\.(?:max|high|low|swap.max|oom.group)",
  "blkio\\..*",
  "io.max",
  "hugetlb\\..*",
];

export const EXPLAINED: readonly Explained[] = [
  {
    by: "both",
    facet: "knobs pids.max",
    theirs: "max",
    why:
      "With MKNOD ours makes a group for the device rules alone, in their hierarchy; they join every hierarchy, where nothing is limited.",
    optional: true,
  },
  {
    by: "both",
    facet: "mountinfo /",
    ours: "(\\S+ \\S+) / nodev,nosuid,relatime,(?:rw|ro) .*",
    theirs: "(\\S+ \\S+) / relatime,(?:rw|ro) .*",
    why:
      "Ours has nosuid and nodev on the root: no file of a layer can give rights or be a device. OCI has no word for it, and both bind " +
      "the bundle's root over itself without.",
  },
  {
    by: "crun",
    facet: HIDDEN_FILES,
    ours: `devtmpfs \\S+ /null noexec,nosuid,relatime,ro .*`,
    theirs: "devtmpfs \\S+ /null relatime,ro .*",
    why: "Both bind /dev/null over it, read-only; ours nosuid and noexec as well.",
  },
  {
    by: "runc",
    facet: HIDDEN_FILES,
    ours: "devtmpfs \\S+ /null noexec,nosuid,relatime,ro .*",
    theirs: "tmpfs tmpfs /null noexec,nosuid,relatime,rw .*",
    why:
      "runc binds the container's own /dev/null and leaves it writable; ours is the host's, read-only.",
  },
  {
    by: "both",
    facet: HIDDEN_DIRECTORIES,
    ours: `tmpfs tmpfs / ${LOCKED} (?:gid=\\d+,)?mode=555,nr_inodes=1,rw,size=4k(?:,uid=\\d+)?`,
    theirs: "tmpfs tmpfs / relatime,ro (?:gid=\\d+,)?(?:rw,size=0k|ro)(?:,uid=\\d+)?",
    why:
      "All put an empty read-only tmpfs over it; ours has no room for a file at all and all three flags.",
  },
  {
    by: "crun",
    facet: "mountinfo /proc/(?:bus|fs|irq|sys|sysrq-trigger)",
    ours: `proc proc /\\S+ ${LOCKED} rw`,
    theirs: "proc proc /\\S+ relatime,ro rw",
    why:
      "crun binds it read-only and loses the flags of /proc; ours and runc's keep nosuid, nodev and noexec.",
  },
  {
    by: "runc",
    facet: "mountinfo /sys",
    ours: `sysfs sysfs / ${LOCKED} rw`,
    theirs: `sysfs sysfs / ${LOCKED} ro`,
    why:
      "The mount is read-only in both; runc makes the file system of this network namespace read-only too.",
  },
  {
    by: "both",
    facet: "cgroup hugetlb",
    ours: "",
    theirs: "/",
    optional: true,
    why:
      "The test mounts hugetlb as v1 for crun, which refuses a hybrid machine otherwise; ours ran before that.",
  },
  {
    by: "both",
    facet: "mountinfo /sys/fs/cgroup",
    ours: `tmpfs tmpfs / ${LOCKED} mode=755,rw,size=64k`,
    theirs: "tmpfs (?:cgroup|tmpfs) / nodev,noexec,nosuid,relatime,rw .*",
    optional: true,
    why:
      "cgroup v1: the directory of the hierarchies is read-only here, and theirs can be written to.",
  },
  {
    by: "both",
    facet: "mountinfo /sys/fs/cgroup/\\S+",
    ours: "",
    theirs: `cgroup \\S+ / ${LOCKED} .*`,
    optional: true,
    why: "cgroup v1: they show every hierarchy, ours those that hold a limit of the container.",
  },
  {
    by: "crun",
    facet: "mountinfo /sys/fs/cgroup/\\S+",
    ours: `cgroup cgroup / ${LOCKED} (.*)`,
    theirs: `cgroup /sys/fs/cgroup/\\S+ / ${LOCKED} (.*)`,
    optional: true,
    why: "cgroup v1: only the name of the source differs, which means nothing for a cgroup.",
  },
  {
    by: "both",
    facet: `knobs (?:${KNOBS.join("|")})`,
    ours: "",
    theirs: "100000|-1|9223372036854771712|0|1024|100|max|max 100000|[0-9]+(?:-[0-9]+)?|",
    optional: true,
    why: "What holds no limit is shown there and not here: they mount hierarchies that say so.",
  },
  {
    by: "crun",
    spec: "clocks",
    facet: "refuses clocks",
    theirs: "(?:.*sync socket.*)?",
    optional: true,
    why:
      "crun 1.8 enters a time namespace by a fork of PID 1, which then ends, and all with it; later ones can.",
  },
  {
    by: "runc",
    spec: "clocks",
    facet: "refuses clocks",
    theirs: ".*namespace .*time.* does not exist.*",
    optional: true,
    why: "runc has time namespaces from 1.2 on.",
  },
  {
    by: "both",
    spec: "huge-pages",
    facet: "refuses huge-pages",
    theirs: ".*(?:cannot set hugetlb limit|/sys/fs/cgroup/hugetlb/).*",
    optional: true,
    why:
      "The test mounts hugetlb as v1 for crun, which refuses a hybrid machine otherwise, and not where they look for it.",
  },
  {
    by: "both",
    spec: "priorities",
    facet: "status Cpus_allowed",
    ours: "1",
    why: "OCI has no CPUs for the first process: the export says that this is lost.",
  },
  {
    by: "both",
    spec: "priorities",
    facet: "misc ioprio",
    ours: "best-effort: prio 7",
    theirs: "none: prio [04]",
    optional: true,
    why:
      "ioPriority is of version 1.1 of the specification: runc has it from 1.2 on, crun from 1.9.",
  },
  {
    by: "both",
    spec: "priorities",
    facet: "misc (?:nice|policy)",
    ours: "5|3",
    theirs: "0",
    optional: true,
    why:
      "scheduler is of version 1.1 of the specification: runc has it from 1.2 on, crun from 1.9.",
  },
  {
    by: "runc",
    spec: "process",
    facet: "misc (?:personality|uname)",
    ours: "00000008|box i686",
    theirs: "00000000|box x86_64",
    optional: true,
    why: "runc has personalities from 1.2 on.",
  },
  {
    by: "runc",
    facet: "mountinfo /srv/www",
    ours: "(.*) idmapped,(.*)",
    theirs: "(?!.*idmapped).*",
    optional: true,
    why: "runc has id-mapped mounts from 1.2 on, and passes over them before.",
  },
  {
    by: "runc",
    spec: "mapped-layer",
    facet: "files (?:www|index.html)",
    ours: "\\S+ 0:0",
    theirs: "\\S+ 65534:65534",
    optional: true,
    why: "As above: what is not mapped is nobody's.",
  },
  {
    by: "runc",
    spec: "owner-matches",
    facet: "files (?:www|index.html)",
    ours: "\\S+ 1000:1000",
    theirs: "\\S+ 0:0",
    optional: true,
    why: "As above: what is not mapped is root's.",
  },
  {
    by: "both",
    facet: "dev core",
    ours: "",
    theirs: "lrwxrwxrwx 0:0 -> /proc/kcore",
    why:
      "crun makes /dev/core, a link to a file that is hidden in all three; runc does where the kernel has the file.",
  },
  {
    by: "crun",
    spec: "mapped-layer",
    facet: "mountinfo /usr/.*",
    theirs: "",
    optional: true,
    why:
      "With an id-mapped mount among others crun 1.8 leaves out what is mounted below a bind of a directory of the host.",
  },
  {
    by: "runc",
    facet: "mountinfo /sys/fs/cgroup",
    ours: "cgroup2 cgroup2 / (.*)",
    theirs: "cgroup2 cgroup / (.*)",
    optional: true,
    why: "Pure cgroup v2: only the name of the source differs, which means nothing for a cgroup.",
  },
  {
    by: "runc",
    facet: HIDDEN_FILES,
    ours: "devtmpfs \\S+ /null noexec,nosuid,relatime,ro .*",
    theirs: "devtmpfs \\S+ /null relatime,rw .*",
    why:
      "In a user namespace runc's /dev/null is the host's, and so is what it hides with; ours is read-only and has the flags.",
  },
  {
    by: "runc",
    facet: "mountinfo /dev/(?:null|zero|full|random|urandom|tty)",
    ours: "(?:devtmpfs|tmpfs) \\S+ /\\w+ noexec,nosuid,relatime,rw .*",
    theirs: "(?:devtmpfs|tmpfs) \\S+ /\\w+ relatime,rw .*",
    why: "In a user namespace devices are binds of the host's: ours nosuid and noexec.",
  },
  {
    by: "both",
    facet: "mountinfo /",
    ours: "tmpfs tmpfs / nodev,nosuid,relatime,rw gid=\\d+,mode=755,rw,uid=\\d+",
    theirs: "tmpfs tmpfs / nodev,nosuid,relatime,rw mode=755,rw",
    why:
      "Ours is made in the user namespace, theirs by this test outside of it and then given to the mapped root.",
  },
  {
    by: "both",
    facet: "dev mqueue",
    ours: "drwxrwxrwt 65534:65534",
    theirs: "drwxrwxrwt 0:(?:0|65534)",
    why:
      "The directory of message queues belongs to whoever made the IPC namespace, and ours is made before ids are mapped; its mode " +
      "lets everybody use it.",
  },
  {
    by: "crun",
    facet: "files a",
    ours: "drwxr-xr-x 0:0",
    theirs: "drwxr-xr-t 0:0",
    why: "crun makes the directories above a mount with the sticky bit.",
  },
];

const matches = (pattern: string | undefined, text: string | undefined): boolean =>
  pattern === undefined || new RegExp(`^(?:${pattern})$`).test(text ?? "");

/** Index of the row that explains a difference. */
export function explain(
  peer: "crun" | "runc",
  difference: Difference,
  name: string,
): number | undefined {
  const index = EXPLAINED.findIndex(({ by, spec = name, facet, ours, theirs }) =>
    (by === "both" || by === peer) && spec === name && matches(facet, difference.facet) &&
    matches(ours, difference.ours) && matches(theirs, difference.theirs)
  );
  return index < 0 ? undefined : index;
}
