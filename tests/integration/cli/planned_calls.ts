/** The calls of a plan's text against the lines of strace, one by one; every way to differ has its rule here. */

/** A line of strace. */
export interface TracedCall {
  /** `openat(AT_FDCWD, "/x", O_RDONLY)`, without its result. */
  readonly text: string;
  /** `0`, `5`, `-1 ENOENT (…)`, `?`. */
  readonly result: string;
}

/** What `plan --json` says about an operation. */
export interface PlannedOp {
  readonly id: string;
  readonly kind: string;
  readonly where: "stage" | "container" | "process";
  readonly command?: number;
  readonly optional?: boolean;
  readonly path?: string;
  readonly calls: readonly string[];
}

/** The calls of one process's log (`strace -ff`); signals and ends are no calls. */
export function parseLog(log: string): readonly TracedCall[] {
  return log.split("\n").flatMap((line) => {
    const match = /^(\w+\(.*\))\s+= (.*)$/.exec(line);
    return match === null ? [] : [{
      // strace's remarks, as on the propagation 0 of mount_setattr: "MS_???".
      text: (match[1] ?? "").replaceAll(/ \/\* MS_\?\?\? \*\//g, ""),
      result: match[2] ?? "",
    }];
  });
}

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** `<fd>` stands for a number that only the run knows, `&cell` for memory that strace shows by its content. */
export function pattern(planned: string): RegExp {
  const parts = planned.split(/(<[^<>"]+>|&[a-z][a-z0-9 ]*(?:\+\d+)?)/);
  let source = parts.map((part, index) =>
    index % 2 === 0 ? escape(part) : part.startsWith("<") ? "\\d+" : ".+"
  ).join("");
  // What the kernel wrote into clone_args stands behind what was asked for.
  if (planned.startsWith("clone3(")) source = source.replace(", 88\\)", "(?: => \\{.*\\})?, 88\\)");
  return new RegExp(`^${source}$`, "s");
}

/** Calls that only a fault reaches: they name the record at which something was wrong. */
const isAlarm = (planned: string): boolean => planned.includes("/*");
const failed = (call: TracedCall | undefined, ...names: readonly string[]): boolean =>
  names.some((name) => call?.result.startsWith(`-1 ${name} `) === true);

/** How far a log has been compared with the plan. */
export interface Comparison {
  readonly traced: readonly TracedCall[];
  at: number;
}

export function compareWith(traced: readonly TracedCall[]): Comparison {
  return { traced, at: 0 };
}

/** The next call that was made. */
export function nextCall({ traced, at }: Comparison): TracedCall | undefined {
  return traced[at];
}

/** The next call must be this one, of the operation `op`. Throws at a difference, with both. */
export function take(comparison: Comparison, planned: string, op: string): TracedCall {
  const call = nextCall(comparison);
  if (call === undefined || !pattern(planned).test(call.text)) {
    const made = call === undefined ? "(nothing)" : `${call.text} = ${call.result}`;
    throw new Error(`${op}\n  planned  ${planned}\n  made     ${made}`);
  }
  comparison.at++;
  return call;
}

/** Nothing more was made. */
export function mustEnd(comparison: Comparison, where: string): void {
  const call = nextCall(comparison);
  if (call === undefined) return;
  throw new Error(`${where}: not planned: ${call.text} = ${call.result}`);
}

/** A straight operation: every call, in order; each alternative is named. */
export function compareStraight(comparison: Comparison, op: PlannedOp): void {
  for (let index = 0; index < op.calls.length; index++) {
    const planned = op.calls[index] ?? "";
    if (isAlarm(planned)) continue;
    const call = take(comparison, planned, op.id);
    // What is there already: the descriptor that would have been made is not used.
    if (failed(call, "EEXIST")) {
      while (index + 1 < op.calls.length && !isOfParent(op.calls[index + 1] ?? "")) index++;
      continue;
    }
    // The group is made: what stands behind it takes the parents back when it could not be.
    if (op.kind === "cgroup.make" && planned.startsWith(`mkdirat(AT_FDCWD, "${op.path}", `)) return;
    // What this machine lacks: a path to hide, an optional file.
    if (failed(call, "ENOENT") && (op.kind === "mount.shield" || op.optional === true)) return;
    if (call.result.startsWith("-1 ")) throw new Error(`${op.id}: ${call.text} = ${call.result}`);
  }
}

const isOfParent = (planned: string): boolean =>
  planned === "close(<parent>)" || /^openat2\(|^mkdirat\(/.test(planned);

/** The PATH search: entries until one works; behind it nothing of ours is seen. */
export function compareExecute(comparison: Comparison, op: PlannedOp): void {
  const tries = op.calls.filter((call) => call.startsWith("execve("));
  for (const planned of op.calls.slice(0, op.calls.indexOf(tries[0] ?? ""))) {
    take(comparison, planned, op.id);
  }
  for (const planned of tries) {
    const call = take(comparison, planned, op.id);
    if (call.result === "0") return;
    if (!failed(call, "ENOENT", "ENOTDIR", "EACCES")) break;
  }
  throw new Error(`${op.id}: nothing was executed`);
}

/** Waits as often as it is woken: its first call, then only calls of the operation, until one is for whoever comes next. */
export function compareLoop(
  comparison: Comparison,
  op: PlannedOp,
  ends: { readonly first: string; readonly next: readonly string[] },
): void {
  const begin = op.calls.findIndex((call) => call.startsWith(ends.first));
  for (const planned of op.calls.slice(0, begin)) {
    if (/^(close_range|clone3)\(/.test(planned)) take(comparison, planned, op.id);
  }
  take(comparison, op.calls[begin] ?? ends.first, op.id);
  for (let call = nextCall(comparison); call !== undefined; call = nextCall(comparison)) {
    const { text } = call;
    if (ends.next.some((name) => text.startsWith(`${name}(`))) return;
    if (!op.calls.some((planned) => !isAlarm(planned) && pattern(planned).test(text))) {
      throw new Error(`${op.id}: not of this operation: ${text}`);
    }
    comparison.at++;
  }
}
