/** Columns of text. Pure. */

/** Rows → lines: each column as wide as its longest cell, two spaces between, nothing at the end of a line. */
export function showTable(rows: readonly (readonly string[])[]): string {
  // Plain loops: of a thousand rows a function per cell takes a fortieth of what `ps` takes.
  const widths: number[] = [];
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) {
      const { length } = row[column] as string;
      if (length > (widths[column] ?? 0)) widths[column] = length;
    }
  }
  let text = "";
  for (const row of rows) {
    let line = "";
    for (let column = 0; column < row.length; column++) {
      line += `${(row[column] as string).padEnd(widths[column] ?? 0)}  `;
    }
    text += `${line.trimEnd()}\n`;
  }
  return text;
}

const UNITS = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]] as const;

/** From here on a duration is shown in whole seconds. */
export const WHOLE_SECONDS_MS = 10_000;

/** 754 → `754 ms`, 1900 → `1.9 s`, 75000 → `1m 15s`, 90061000 → `1d 1h`: two units at most. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < WHOLE_SECONDS_MS) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join(" ");
}

/** 1536 → `1.5KiB`, 67108864 → `64MiB`: as sizes are written in the YAML. */
export function showBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))}${
    units[unit]
  }`;
}
