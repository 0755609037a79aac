/** Samples → statistics → table; pure. */

/** Nearest-rank quantile of ascending numbers, `share` in 0…1. */
export function quantile(ascending, share) {
  if (ascending.length === 0) throw new RangeError("a quantile of no samples");
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)];
}

/** The middle of ascending numbers; the mean of the two middle ones when their count is even. */
export function median(ascending) {
  if (ascending.length === 0) throw new RangeError("a median of no samples");
  const half = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[half] : (ascending[half - 1] + ascending[half]) / 2;
}

/** Statistics of nanoseconds, in nanoseconds. */
export function summarise(nanoseconds) {
  const ascending = [...nanoseconds].sort((a, b) => a - b);
  return {
    n: ascending.length,
    min: ascending[0],
    median: median(ascending),
    p90: quantile(ascending, 0.9),
    p99: quantile(ascending, 0.99),
    max: ascending.at(-1),
  };
}

/**
 * Reads the output of spawn_timer.
 * @returns {{floorKiB: number, samples: object[]}} the warm-up (negative rounds) is included; times in nanoseconds
 * @throws {Error} on a line that is neither
 */
export function parseSamples(text) {
  let floorKiB = 0;
  const samples = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [kind, ...fields] = line.split("\t");
    if (kind === "floor" && fields.length === 1) floorKiB = Number(fields[0]);
    else if (kind === "sample" && fields.length === 8) samples.push(sampleOf(fields));
    else throw new Error(`spawn_timer printed ${JSON.stringify(line)}`);
  }
  return { floorKiB, samples };
}

function sampleOf([round, position, name, ns, maxRssKiB, userUs, systemUs, status]) {
  return {
    round: Number(round),
    position: Number(position),
    name,
    ns: Number(ns),
    maxRssKiB: Number(maxRssKiB),
    userUs: Number(userUs),
    systemUs: Number(systemUs),
    status: Number(status),
  };
}

/** The rows of one table, in the order of `names`: statistics, peak RSS, and failed runs by status. */
export function tabulate(samples, names) {
  return names.map((name) => {
    const own = samples.filter((sample) => sample.name === name && sample.round >= 0);
    return {
      name,
      ...summarise(own.map((sample) => sample.ns)),
      cpuMedianUs: median(
        own.map((sample) => sample.userUs + sample.systemUs).sort((a, b) => a - b),
      ),
      maxRssKiB: Math.max(...own.map((sample) => sample.maxRssKiB)),
      failed: own.filter((sample) => sample.status !== 0).map((sample) => sample.status),
    };
  });
}

const ms = (nanoseconds) => (nanoseconds / 1e6).toFixed(2);

function ratio(row, { rows, peer }) {
  const other = rows.find((candidate) => candidate.name === peer);
  return other ? (row.median / other.median).toFixed(2) : "-";
}

/** The text table of rows from `tabulate`; times in ms, RSS in MiB. */
export function showTable(rows) {
  const head = ["", "median", "p90", "p99", "min", "n", "× crun", "× runc", "cpu", "RSS MiB"];
  const body = rows.map((row) => [
    row.name,
    ms(row.median),
    ms(row.p90),
    ms(row.p99),
    ms(row.min),
    String(row.n),
    ratio(row, { rows, peer: "crun" }),
    ratio(row, { rows, peer: "runc" }),
    (row.cpuMedianUs / 1000).toFixed(2),
    (row.maxRssKiB / 1024).toFixed(1),
  ]);
  return alignColumns([head, ...body]);
}

/** Left-aligns the first column, right-aligns the others. */
export function alignColumns(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
        )
        .join("  ")
        .trimEnd()
    )
    .join("\n");
}

/**
 * The bars that the project sets itself, each with what was measured. They are printed, never turned into an exit code.
 * @param bars {{what: string, value: number | undefined, bar: number, unit: string}[]}
 */
export function showBars(bars) {
  return bars
    .filter((bar) => bar.value !== undefined && Number.isFinite(bar.value))
    .map((bar) => {
      const holds = bar.value <= bar.bar;
      const compared = `${bar.value.toFixed(2)} ${holds ? "≤" : ">"} ${bar.bar} ${bar.unit}`;
      return `  ${holds ? "holds " : "MISSED"}  ${bar.what}: ${compared}`.trimEnd();
    })
    .join("\n");
}
