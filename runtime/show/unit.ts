/** A unit of systemd that brings a project up after a reboot: its text. Source: systemd.service(5), systemd.unit(5), systemd.kill(5). */

export interface UnitFacts {
  /** The project's name, and its spec's absolute path. */
  readonly project: string;
  readonly file: string;
  /** Absolute paths of those that are merged over it. */
  readonly over: readonly string[];
  /** The words that start this program. */
  readonly program: readonly string[];
  /** Profiles whose containers are there too. */
  readonly profiles: readonly string[];
  /** Of the system's manager; false: of a user's. */
  readonly system: boolean;
  /** The longest time that stopping all may take. */
  readonly stopMs: number;
}

/** `up` in the foreground says when it is ready and when it stops; only it is told to stop, and what is left then is killed. */
export function unitText(facts: UnitFacts): string {
  const { project, file, over, program, profiles, system, stopMs } = facts;
  const directory = file.slice(0, Math.max(1, file.lastIndexOf("/")));
  const chosen = profiles.flatMap((name) => ["--profile", name]);
  const merged = over.flatMap((one) => ["--file", one]);
  const words = [...program, "up", "--keep-going", ...chosen, file, ...merged];
  const command = words.map(unitWord).join(" ");
  const network = system
    ? ["Wants=network-online.target", "After=network-online.target local-fs.target"]
    : [];
  return [
    "# Written by `containerv unit`. Values of variables come from .env beside the spec.",
    "[Unit]",
    `Description=containerv project ${withoutSpecifiers(project)} (${withoutSpecifiers(file)})`,
    ...network,
    "",
    "[Service]",
    "Type=notify",
    "NotifyAccess=main",
    `WorkingDirectory=${withoutSpecifiers(directory)}`,
    `ExecStart=${command}`,
    "KillMode=mixed",
    "Delegate=yes",
    "TimeoutStartSec=infinity",
    `TimeoutStopSec=${Math.ceil(stopMs / 1000) + 10}`,
    "Restart=on-failure",
    "RestartSec=2",
    "",
    "[Install]",
    `WantedBy=${system ? "multi-user.target" : "default.target"}`,
    "",
  ].join("\n");
}

/** `%` begins a specifier. */
const withoutSpecifiers = (text: string): string => text.replaceAll("%", "%%");

/** A word of ExecStart: quoted, with nothing in it that systemd would replace. */
export function unitWord(word: string): string {
  const plain = withoutSpecifiers(word).replaceAll("$", () => "$$");
  if (/^[A-Za-z0-9_@:,./+=-]+$/.test(plain)) return plain;
  return `"${plain.replaceAll(/["\\]/g, (letter) => `\\${letter}`)}"`;
}
