/** Many questions in one container: a start costs more than what most of them ask. */
import { assertEquals } from "@std/assert";
import { runSpec, sh, type SpecObject } from "../integration/cli/sandbox.ts";
import type { CliOptions } from "../support/cli.ts";

const MARK = "@@probe ";

/** What each script prints, standard error included, in one container of the spec; a script that fails does not end the others. */
export async function probe(
  scripts: Readonly<Record<string, string>>,
  spec: SpecObject = {},
  options: CliOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const text = Object.entries(scripts).map(([name, script]) =>
    `echo '${MARK}${name}'\n( ${script}\n) 2>&1 </dev/null`
  );
  const { code, stdout, stderr } = await runSpec({
    policy: "none",
    ...spec,
    commands: [sh(`${text.join("\n")}\necho '${MARK}end'`)],
  }, options);
  const parts = stdout.split(MARK).slice(1).map((part): [string, string] => {
    const line = part.indexOf("\n");
    return [part.slice(0, line), part.slice(line + 1)];
  });
  assertEquals(parts.at(-1)?.[0], "end", `exit ${code}: ${stdout}${stderr}`);
  return new Map(parts);
}

/** One system call in perl: its number, its words as perl writes them. */
export interface RawCall {
  readonly number: number;
  readonly words: string;
}

/** A script that makes each call and prints `NAME RESULT ERRNO`. */
export function perlCalls(calls: Readonly<Record<string, RawCall>>): string {
  const lines = Object.entries(calls).map(([name, { number, words }]) =>
    // Its words are copies: perl gives no constant to a call that might write to it.
    `@w = (${words}); $! = 0; $r = syscall(${number}, @w); printf("%s %d %d\\n", "${name}", $r, $r == -1 ? $! + 0 : 0);`
  );
  return `cat > /dev/shm/calls.pl <<'PERL'\n$| = 1; my ($r, @w); my $b = "\\0" x 4096; open(my $root, "<", "/");\n${
    lines.join("\n")
  }\nPERL\nperl /dev/shm/calls.pl`;
}

/** The lines of `perlCalls`: name → [result, errno]. */
export function callResults(output: string): ReadonlyMap<string, readonly [number, number]> {
  return new Map(
    output.split("\n").flatMap((line) => {
      const match = /^(.*) (-?\d+) (\d+)$/.exec(line);
      return match === null
        ? []
        : [[match[1] ?? "", [Number(match[2]), Number(match[3])] as const] as const];
    }),
  );
}
