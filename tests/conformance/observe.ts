/** What a process sees of itself and its container: a script that prints it, and the print as facets that compare. */

/** Files of groups that are compared, where they are. */
const KNOBS = [
  "memory.limit_in_bytes",
  "memory.memsw.limit_in_bytes",
  "memory.soft_limit_in_bytes",
  "memory.max",
  "memory.high",
  "memory.low",
  "memory.swap.max",
  "memory.oom.group",
  "pids.max",
  "cpu.max",
  "cpu.cfs_quota_us",
  "cpu.cfs_period_us",
  "cpu.weight",
  "cpu.shares",
  "cpuset.cpus",
  "cpuset.mems",
  "io.max",
  "blkio.throttle.read_bps_device",
  "blkio.throttle.write_iops_device",
  "hugetlb.2MB.max",
  "hugetlb.2MB.limit_in_bytes",
];

/** Kernel parameters that are compared, below /proc/sys. */
const SYSCTLS = [
  "net/ipv4/ip_forward",
  "net/core/somaxconn",
  "kernel/sem",
  "kernel/shmmax",
  "fs/mqueue/msg_max",
];

const knobFiles = KNOBS.flatMap((name) => [`/sys/fs/cgroup/${name}`, `/sys/fs/cgroup/*/${name}`]);

/** Prints sections; runs under any /bin/sh with coreutils, and starts few programs: an emulated machine takes long for each. */
export const SCRIPT = `
exec 2>&1
section() { echo "@@ $1"; }
section fds; ls /proc/$$/fd
section status; cat /proc/self/status
section mountinfo; cat /proc/self/mountinfo
section limits; cat /proc/self/limits
section cgroup; cat /proc/self/cgroup
section environment; tr '\\0' '\\n' < /proc/$$/environ
section dev; ls -lnA --time-style=+ /dev
section network; ls /sys/class/net; cat /proc/net/dev
section namespaces; ls -l --time-style=+ /proc/self/ns
section maps; cat /proc/self/uid_map /proc/self/gid_map
section knobs; grep -Hs '' ${knobFiles.join(" ")}
section sysctls; cd /proc/sys && grep -H '' ${SYSCTLS.join(" ")}; cd "$OLDPWD"
section sizes; wc -c /proc/kcore /proc/keys /proc/timer_list /proc/interrupts
section modes; stat -c '%n %a %u %g' / /tmp .
section misc
echo "cwd $PWD"
echo "uname $(uname -nm)"
echo "umask $(umask)"
read -r score < /proc/self/oom_score_adj; echo "oom_score_adj $score"
echo "id $(id)"
read -r _ _ _ _ group session _ _ _ _ _ _ _ _ _ _ _ _ nice rest < /proc/$$/stat
echo "session $$ $group $session"
echo "nice $nice"
echo "policy $(cut -d' ' -f41 /proc/$$/stat)"
read -r persona < /proc/self/personality; echo "personality $persona"
echo "ioprio $(ionice -p $$)"
echo "clocks" $(cat /proc/self/timens_offsets)
for d in fuse net/tun; do
  test -e /dev/$d && { (: < /dev/$d) 2>/dev/null; echo "opens-$d $?"; }
done
echo "sysrq $(test -w /proc/sysrq-trigger && echo writable)"
true 2>/dev/null > /made; echo "write $?"
section files; ls -lnR --time-style=+ /srv /opt /etc/hostname /etc/hosts
`;

/** Facet → value: what must be the same whoever made the container. */
export type Facets = Readonly<Record<string, string>>;

type Parser = (lines: readonly string[]) => Iterable<readonly [string, string]>;

/** Of /proc/self/status: what is set up, not what is happening. */
const STATUS = new Set([
  "Umask",
  "Uid",
  "Gid",
  "Groups",
  "NSsid",
  "NSpgid",
  "CapInh",
  "CapPrm",
  "CapEff",
  "CapBnd",
  "CapAmb",
  "NoNewPrivs",
  "Seccomp",
  "Seccomp_filters",
  "ShdPnd",
  "SigBlk",
  "SigIgn",
  "SigCgt",
  "Speculation_Store_Bypass",
  "Cpus_allowed",
  "Mems_allowed",
]);

function* pairs(lines: readonly string[], at: string): Iterable<readonly [string, string]> {
  for (const line of lines) {
    const end = line.indexOf(at);
    if (end > 0) yield [line.slice(0, end), line.slice(end + at.length).trim()];
  }
}

const sorted = (options: string): string => options.split(",").sort().join(",");

/** Layers of an overlay are named as whoever mounted it stood: only how many there are is the container's. */
function countLayers(options: string): string {
  return options.replace(
    /lowerdir=([^,]*)/,
    (_, names: string) => `lowers=${names.split(":").length}`,
  )
    .replace(/(upperdir|workdir)=[^,]*/g, "$1");
}

/** Mount point → file system, source, flags; twice the same point is counted. */
function* mounts(lines: readonly string[]): Iterable<readonly [string, string]> {
  const seen = new Map<string, number>();
  for (const line of lines) {
    const fields = line.split(" ");
    const dash = fields.indexOf("-");
    const [, , , root = "", point = "", flags = ""] = fields;
    const [fs = "", source = "", shown = ""] = fields.slice(dash + 1);
    // How wide inode numbers are is the kernel's choice for each new tmpfs.
    const options = shown.replace(/,inode(?:64|32)\b/, "");
    const count = (seen.get(point) ?? 0) + 1;
    seen.set(point, count);
    const propagation = fields.slice(6, dash).map((word) => word.replace(/:\d+/, ""));
    const text = [fs, source, root, sorted(flags), sorted(countLayers(options)), ...propagation]
      .join(" ");
    yield [count === 1 ? point : `${point} #${count}`, text];
  }
}

/** Soft and hard limit, blanks made one. */
function* limits(lines: readonly string[]): Iterable<readonly [string, string]> {
  for (const line of lines.slice(1)) {
    yield [line.slice(0, 26).trim(), line.slice(26).trim().replace(/\s+/g, " ")];
  }
}

/** `crw-rw-rw- 1 0 0 1, 3 null` → null: mode, owner and number. */
function* listing(lines: readonly string[]): Iterable<readonly [string, string]> {
  for (const line of lines.filter((one) => /^[-a-z]/.test(one))) {
    const [mode = "", , uid, gid, ...rest] = line.replace(/\s+/g, " ").split(" ");
    const isLink = mode.startsWith("l");
    const arrow = rest.indexOf("->");
    const name = isLink ? rest[arrow - 1] : rest.at(-1);
    const what = isLink ? rest.slice(arrow).join(" ") : mode.startsWith("c") ? rest[0] ?? "" : "";
    const number = mode.startsWith("c") ? `${what} ${rest[1]}` : what;
    yield [name ?? "", `${mode} ${uid}:${gid} ${number}`.trim()];
  }
}

const PARSERS: Readonly<Record<string, Parser>> = {
  fds: (lines) => [["open", lines.join(" ")]],
  status: function* (lines) {
    for (const [key, value] of pairs(lines, ":")) {
      if (STATUS.has(key)) yield [key, value.replace(/\s+/g, " ")];
    }
  },
  mountinfo: mounts,
  limits,
  cgroup: function* (lines) {
    for (const line of lines) {
      const [, controllers = "", path = ""] = line.split(":");
      yield [controllers === "" ? "unified" : controllers, path];
    }
  },
  environment: (lines) => pairs(lines, "="),
  dev: listing,
  network: function* (lines) {
    yield ["interfaces", lines.filter((line) => /^[a-z0-9]+$/.test(line)).join(" ")];
    yield ["counted", lines.filter((line) => /:/.test(line)).map((l) => l.split(":")[0]).join(" ")];
  },
  namespaces: function* (lines) {
    for (const line of lines) {
      const [, name, inode] = /(\w+) -> (.*)$/.exec(line) ?? [];
      if (name !== undefined && inode !== undefined) yield [name, inode];
    }
  },
  maps: (lines) => [["ids", lines.map((line) => line.trim().replace(/\s+/g, " ")).join("; ")]],
  // What has no line is shown by nobody.
  knobs: function* (lines) {
    for (const [path, value] of pairs(lines, ":")) {
      yield [path.slice(path.lastIndexOf("/") + 1), value];
    }
  },
  sysctls: (lines) => pairs(lines, ":"),
  sizes: function* (lines) {
    for (const line of lines) {
      const [size = "", path = ""] = line.trim().split(/\s+/);
      if (path.startsWith("/")) yield [path, size];
    }
  },
  modes: (lines) => pairs(lines, " "),
  misc: (lines) => pairs(lines, " "),
  files: listing,
};

/** The print of the script → facets, named `section key`. Throws when a section is missing. */
export function readFacets(print: string): Facets {
  const facets: Record<string, string> = {};
  const sections = print.split(/^@@ /m).slice(1);
  for (const section of sections) {
    const [name = "", ...lines] = section.trimEnd().split("\n");
    const parser = PARSERS[name];
    if (parser === undefined) throw new Error(`there is no section ${name}`);
    for (const [key, value] of parser(lines)) facets[`${name} ${key}`] = value;
  }
  const missing = Object.keys(PARSERS).filter((name) =>
    !sections.some((section) => section.startsWith(`${name}\n`))
  );
  if (missing.length > 0) throw new Error(`no ${missing.join(", ")} in:\n${print.slice(0, 2000)}`);
  return facets;
}

/** Whose a namespace is, in place of its inode: a name of `known`, or `own`. */
export function nameNamespaces(facets: Facets, known: ReadonlyMap<string, string>): Facets {
  return Object.fromEntries(
    Object.entries(facets).map(([key, value]) =>
      key.startsWith("namespaces ") ? [key, known.get(value) ?? "own"] : [key, value]
    ),
  );
}

/** A facet that the two do not share. */
export interface Difference {
  readonly facet: string;
  readonly ours: string | undefined;
  readonly theirs: string | undefined;
}

export function differences(ours: Facets, theirs: Facets): readonly Difference[] {
  const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
  return [...keys].filter((key) => ours[key] !== theirs[key])
    .map((facet) => ({ facet, ours: ours[facet], theirs: theirs[facet] }));
}
