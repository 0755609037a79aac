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
  const parts = planned.split(/(<[^<>"]+>|&[a-z][a-z ]*(?:\+\d+)?)/);
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

/** Compares; throws with the operation at the first difference. */
export class Comparison {
  #at = 0;
  readonly #traced: readonly TracedCall[];
  /** How many calls were compared. */
  compared = 0;

  constructor(traced: readonly TracedCall[]) {
    this.#traced = traced;
  }

  /** The next call that was made. */
  get next(): TracedCall | undefined {
    return this.#traced[this.#at];
  }

  /** The next call must be this one. */
  take(planned: string, op: string): TracedCall {
    const call = this.next;
    if (call === undefined || !pattern(planned).test(call.text)) {
      throw new Error(
        `${op}\n  planned  ${planned}\n  made     ${call?.text ?? "(nothing)"} = ${
          call?.result ?? ""
        }`,
      );
    }
    this.#at++;
    this.compared++;
    return call;
  }

  /** True, and taken, when the next call is this one. */
  takes(planned: string): boolean {
    if (this.next === undefined || !pattern(planned).test(this.next.text)) return false;
    this.#at++;
    this.compared++;
    return true;
  }

  /** Nothing more was made. */
  end(where: string): void {
    if (this.next !== undefined) {
      throw new Error(`${where}: not planned: ${this.next.text} = ${this.next.result}`);
    }
  }

  /** A straight operation: every call, in order; each alternative is named. */
  straight(op: PlannedOp): void {
    for (let index = 0; index < op.calls.length; index++) {
      const planned = op.calls[index] ?? "";
      if (isAlarm(planned)) continue;
      const call = this.take(planned, op.id);
      // What is there already: the descriptor that would have been made is not used.
      if (failed(call, "EEXIST")) {
        const isParent = (one: string): boolean =>
          one === "close(<parent>)" || /^openat2\(|^mkdirat\(/.test(one);
        while (index + 1 < op.calls.length && !isParent(op.calls[index + 1] ?? "")) index++;
        continue;
      }
      // The group is made: what stands behind it takes the parents back when it could not be.
      if (op.kind === "cgroup.make" && planned.startsWith(`mkdirat(AT_FDCWD, "${op.path}", `)) {
        return;
      }
      // What this machine lacks: a path to hide, an optional file.
      const mayLack = op.kind === "mount.shield" || op.optional === true;
      if (failed(call, "ENOENT") && mayLack) return;
      if (call.result.startsWith("-1 ")) throw new Error(`${op.id}: ${call.text} = ${call.result}`);
    }
  }

  /** The PATH search: entries until one works; behind it nothing of ours is seen. */
  execute(op: PlannedOp): void {
    const tries = op.calls.filter((call) => call.startsWith("execve("));
    for (const planned of op.calls.slice(0, op.calls.indexOf(tries[0] ?? ""))) {
      this.take(planned, op.id);
    }
    for (const planned of tries) {
      const call = this.take(planned, op.id);
      if (call.result === "0") return;
      if (!failed(call, "ENOENT", "ENOTDIR", "EACCES")) break;
    }
    throw new Error(`${op.id}: nothing was executed`);
  }

  /** Waits as often as it is woken: only calls of the operation, the first and the last of them known. */
  loop(op: PlannedOp, first: string, until: (call: TracedCall) => boolean): void {
    this.take(op.calls.find((call) => call.startsWith(first)) ?? first, op.id);
    while (this.next !== undefined && !until(this.next)) {
      if (!op.calls.some((planned) => !isAlarm(planned) && this.takes(planned))) {
        throw new Error(`${op.id}: not of this operation: ${this.next.text}`);
      }
    }
  }
}
