/** The effective isolation of a container as text. */
import type {
  Isolation,
  IsolationGroup,
  IsolationIdRange,
  IsolationMount,
} from "../plan/isolation.ts";
import { escapeControls } from "./diagnostics.ts";

/** `name`: what the user called it. */
export function showInspect(isolation: Isolation, name: string): string {
  const { pid, insidePids, argv, state } = isolation;
  const inside = insidePids.length === 0 ? "" : `, ${insidePids.at(-1)} inside`;
  const lines = [
    `${name}   pid ${pid}${inside}, ${state}`,
    `  ${argv.join(" ")}`,
    ...section("namespaces", namespaceRows(isolation)),
    ...section("cgroups", isolation.cgroups.flatMap(groupRows)),
    ...section("mounts", isolation.mounts.map(mountRow)),
    ...section("ids", idRows(isolation)),
    ...section("rights", rightRows(isolation)),
    ...section(
      "limits of a process",
      isolation.rlimits.map(({ name, soft, hard, unit }) => [
        name,
        soft === hard ? soft : `${soft} (at most ${hard})`,
        unit,
      ]),
    ),
    ...section("open files", isolation.files.map(({ fd, target }) => [`${fd}`, target])),
    ...(isolation.unreadable.length === 0
      ? []
      : section("not readable by this user", isolation.unreadable.map((path) => [path]))),
  ];
  return `${lines.map(escapeControls).join("\n")}\n`;
}

type Row = readonly string[];

/** A heading and its rows, columns aligned. */
function section(title: string, rows: readonly Row[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  const line = (row: Row): string =>
    row.map((cell, index) => index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))
      .join("  ").trimEnd();
  return [title, ...(rows.length === 0 ? ["  none"] : rows.map((row) => `  ${line(row)}`))];
}

function namespaceRows({ namespaces }: Isolation): readonly Row[] {
  return namespaces.map(({ type, inode, host }) => [type, `${inode}`, host ? "the host's" : "own"]);
}

function groupRows({ controllers, version, path, values }: IsolationGroup): readonly Row[] {
  const name = version === 2 ? "unified" : controllers.join(",");
  const held = Object.entries(values).map(([file, value]) => ["", file, value]);
  return [[name, path], ...held];
}

/** Flags that each mount has say nothing. */
const COMMON = new Set(["rw", "relatime"]);

function mountRow({ at, fs, source, root, options }: IsolationMount): Row {
  const flags = options.filter((option) => !COMMON.has(option)).join(",");
  const from = root === "/" ? source : `${source} ${root}`;
  return [at, fs, options.includes("ro") ? flags : `rw${flags === "" ? "" : `,${flags}`}`, from];
}

function idRows({ ids }: Isolation): readonly Row[] {
  const same = (list: readonly number[]): string =>
    new Set(list).size === 1 ? `${list[0]}` : `${list.join(" ")} (real effective saved file)`;
  return [
    ["user", same(ids.uids)],
    ["group", same(ids.gids)],
    ["groups", ids.groups.join(" ") || "none"],
    ["user map", mapText(ids.uidMap)],
    ["group map", mapText(ids.gidMap)],
  ];
}

/** The first user namespace maps each id to itself. */
const ALL_IDS = 4_294_967_295;

function mapText(ranges: readonly IsolationIdRange[]): string {
  return ranges.map(({ inside, outside, count }) => {
    if (inside === 0 && outside === 0 && count === ALL_IDS) return "every id is itself";
    const last = (first: number): string => count === 1 ? "" : `-${first + count - 1}`;
    return `${inside}${last(inside)} is ${outside}${last(outside)} outside`;
  }).join(", ") || "none";
}

function rightRows(isolation: Isolation): readonly Row[] {
  const { capabilities, noNewPrivileges, seccomp, label, umask, oomScoreAdjust } = isolation;
  const filters = seccomp.mode === "filter" ? ` (${seccomp.filters} filters)` : "";
  return [
    ...Object.entries(capabilities).map(([set, names]) => [set, names.join(" ") || "none"]),
    ["no_new_privs", noNewPrivileges ? "yes" : "no"],
    ["seccomp", `${seccomp.mode}${filters}`],
    ["landlock", "unknown: the kernel tells nobody"],
    ...(label === undefined ? [] : [["label", label]]),
    ["umask", umask],
    ["oom_score_adj", `${oomScoreAdjust}`],
  ];
}
