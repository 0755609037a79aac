/**
 * What each runner's container looks like from inside, so that the comparison compares the same thing: one untimed run
 * per runner of a probe, printed above the tables. A difference is shown, not hidden.
 */
import { readlinkSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { alignColumns } from "./report.mjs";

const NAMESPACES = ["pid", "mnt", "uts", "ipc", "net", "cgroup", "user"];

/** Key and value per line, made by nothing but /bin/sh and what the rootfs has. */
const PROBE = [
  `for n in ${NAMESPACES.join(" ")}; do echo "ns.$n $(readlink /proc/self/ns/$n)"; done`,
  "echo pid $$",
  "while read k v; do case $k in CapEff:|CapBnd:|NoNewPrivs:|Seccomp:) echo $k $v;; esac; done </proc/$$/status",
  "echo mounts $(wc -l </proc/self/mountinfo)",
  "echo etc $(ls -A /etc | wc -l)",
  "echo dev $(ls -A /dev | wc -l)",
].join("; ");

export const PROBE_ARGV = ["/bin/sh", "-c", PROBE];

/** @returns a Map of the probe's keys and values */
export function parseProbe(text) {
  return new Map(
    text.trim().split("\n").map((line) => {
      const space = line.indexOf(" ");
      return [line.slice(0, space).replace(/:$/, ""), line.slice(space + 1)];
    }),
  );
}

/** The columns of one runner; `host` gives the namespaces of the host. */
export function describeInside(seen, host) {
  const own = NAMESPACES.filter((name) => seen.get(`ns.${name}`) !== host[name]);
  return [
    own.join(" "),
    seen.get("pid") ?? "?",
    seen.get("CapEff")?.replace(/^0+(?=.)/, "") ?? "?",
    seen.get("CapBnd")?.replace(/^0+(?=.)/, "") ?? "?",
    seen.get("NoNewPrivs") ?? "?",
    seen.get("Seccomp") ?? "?",
    seen.get("mounts") ?? "?",
    seen.get("etc") ?? "?",
    seen.get("dev") ?? "?",
  ];
}

/**
 * Runs the probe in each runner's container and prints the table.
 * @param commands {{name: string, argv: string[], env?: string[]}[]} that run PROBE_ARGV
 * @throws {Error} when one fails, with its stderr
 */
export function showInside(commands) {
  const host = Object.fromEntries(
    NAMESPACES.map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]),
  );
  const head = [
    "inside",
    "namespaces",
    "pid",
    "caps",
    "bounding",
    "no_new_privs",
    "seccomp",
    "mounts",
    "/etc",
    "/dev",
  ];
  const rows = commands.map(({ name, argv, env = [] }) => {
    const added = Object.fromEntries(env.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
    const done = spawnSync(argv[0], argv.slice(1), {
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...added },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (done.status !== 0) {
      throw new Error(
        `${name}: the probe ended with ${done.status ?? done.signal}\n${done.stderr}`,
      );
    }
    return [name, ...describeInside(parseProbe(done.stdout), host)];
  });
  console.log(`\n${alignColumns([head, ...rows])}`);
  return { title: "inside", rows: [head, ...rows] };
}
