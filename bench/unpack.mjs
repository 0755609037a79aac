/**
 * `npm run bench -- --unpack TAR`: a layer's archive unpacked by containerv (by the executable, and under Deno) and by `tar -xf`, taking turns, each
 * into an empty place of one file system: in memory, where the programs are compared, then on the disk, which is compared there. What containerv
 * does more: it digests the archive, syncs before the layer gets its name, and starts a container. So `tar` is there twice, once with a
 * sync behind it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alignColumns, summarise } from "./report.mjs";

/** In memory a run takes a second, on the disk up to ten. */
const ROUNDS = { memory: 9, disk: 3 };
const BAR_TAR = 1.5;
/** Where root's layers are. This process has a mount namespace of its own. */
const DATA = "/var/lib/containerv";

function run(argv, options = {}) {
  const begun = process.hrtime.bigint();
  const { status, error, stderr } = spawnSync(argv[0], argv.slice(1), {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    ...options,
  });
  const ns = Number(process.hrtime.bigint() - begun);
  if (error || status !== 0) throw error ?? new Error(`${argv.join(" ")}: ${status}\n${stderr}`);
  return ns;
}

/** What is compared: `prepare` is outside of the measured time. */
function commandsOf({ programs, root, work }, { archive, place }) {
  const spec = join(work, "unpack.yaml");
  writeFileSync(
    spec,
    `name: bench-unpack\nrootfs: {layers: [{tar: ${JSON.stringify(archive)}}]}\n` +
      "commands: [[/bin/true]]\npolicy: none\n",
  );
  const into = join(place, "tar");
  const extract = ["tar", "--numeric-owner", "-C", into, "-xf", archive];
  const bundle = join(root, "dist", "containerv.mjs");
  const deno = join(root, "node_modules", ".bin", "deno");
  return [
    { name: "tar -xf", argv: extract },
    { name: "tar -xf, sync", argv: ["sh", "-c", `${extract.join(" ")} && sync -f ${into}`] },
    { name: "containerv", argv: [programs.containerv, "run", spec] },
    ...(existsSync(bundle)
      ? [{ name: "containerv, Deno", argv: [deno, "run", "-A", bundle, "run", spec] }]
      : []),
  ];
}

/** @param context {{programs, root, work, options}} */
export function runUnpack(context) {
  mkdirSync(DATA, { recursive: true });
  const archive = context.options.unpack;
  // The archive comes from the page cache for all.
  run(["cat", archive]);
  const memory = inPlace(context, {
    where: "in memory",
    rounds: ROUNDS.memory,
    mount: ["-t", "tmpfs", "tmpfs", DATA],
  });
  const place = mkdtempSync(`${DATA}/bench-`);
  try {
    const disk = inPlace(context, {
      where: "on the disk",
      rounds: ROUNDS.disk,
      mount: ["--bind", place, DATA],
    });
    const [tar] = memory.rows;
    const bars = memory.rows.filter(({ name }) => name.startsWith("containerv")).map((row) => ({
      what: `${row.name}, unpacking, median`,
      value: row.median / tar.median,
      bar: BAR_TAR,
      unit: "× tar -xf",
    }));
    return { tables: [memory, disk], bars };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function inPlace(context, { where, rounds, mount }) {
  const archive = context.options.unpack;
  const samples = new Map();
  run(["mount", ...mount]);
  try {
    const commands = commandsOf(context, { archive, place: DATA });
    for (let round = 0; round < rounds; round++) {
      for (const { name, argv } of round % 2 === 0 ? commands : [...commands].reverse()) {
        for (const left of ["tar", "layers", "archives", "digests"]) {
          rmSync(join(DATA, left), { recursive: true, force: true });
        }
        mkdirSync(join(DATA, "tar"));
        run(["sync", "-f", DATA]);
        samples.set(name, [...samples.get(name) ?? [], run(argv)]);
      }
    }
  } finally {
    run(["umount", DATA]);
  }
  const rows = [...samples].map(([name, list]) => ({ name, ...summarise(list), samples: list }));
  const [tar] = rows;
  const seconds = (ns) => (ns / 1e9).toFixed(2);
  const mib = statSync(archive).size / 2 ** 20;
  const title = `an archive of ${mib.toFixed(0)} MiB unpacked ${where} (s)`;
  const body = rows.map((row) => [
    row.name,
    ...[row.median, row.min, row.max].map(seconds),
    String(row.n),
    (row.median / tar.median).toFixed(2),
  ]);
  console.log(`\n${title}\n${alignColumns([["", "median", "min", "max", "n", "× tar"], ...body])}`);
  return { title, rows };
}
