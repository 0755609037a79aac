/**
 * Compares `ffi/abi` with the headers of this machine: every constant, every struct's size and its members' offsets, every
 * system call's number, by a C program that prints what the compiler knows. For aarch64 with its cross compiler and
 * qemu-user.
 *
 * Run as a program: `bun tools/check_abi.ts`; exit status 1 when something differs.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFlagsOfAarch64 } from "../ffi/abi/fcntl.ts";
import type { StructLayout } from "../ffi/abi/struct.ts";
import { allSyscalls, type SyscallArchitecture, syscallNumber } from "../ffi/abi/syscalls.ts";
import { MEMBERS, NEWER, UNITS } from "./lib/abi_headers.ts";

export interface Toolchain {
  readonly architecture: SyscallArchitecture;
  readonly compiler: readonly string[];
  /** What runs its programs, in front of them. */
  readonly runner: readonly string[];
}

export const TOOLCHAINS: readonly Toolchain[] = [
  { architecture: "x86_64", compiler: ["gcc"], runner: [] },
  {
    architecture: "aarch64",
    compiler: ["aarch64-linux-gnu-gcc", "-static"],
    runner: ["qemu-aarch64"],
  },
];

export interface AbiReport {
  /** How many facts were compared. */
  readonly compared: number;
  /** One line per fact that differs. */
  readonly differences: readonly string[];
  /** Names that these headers do not know and that are not listed as newer. */
  readonly unknown: readonly string[];
}

type Facts = ReadonlyMap<string, bigint>;

/** The name of the compiler or runner that is missing; undefined when both are there. */
export function missingTool(toolchain: Toolchain): string | undefined {
  const needed = [toolchain.compiler[0], toolchain.runner[0]].filter((name) => name !== undefined);
  return needed.find((name) => spawnSync(name, ["--version"]).status !== 0);
}

/** Compiles and runs one C program; gives its lines `name value`. Throws with the compiler's words. */
function runC(source: string, toolchain: Toolchain): Facts {
  const directory = mkdtempSync(join(tmpdir(), "check-abi-"));
  try {
    const file = join(directory, "facts.c");
    const program = join(directory, "facts");
    writeFileSync(file, source);
    const [compiler = "", ...flags] = toolchain.compiler;
    const compiled = spawnSync(compiler, [...flags, "-w", "-o", program, file], {
      encoding: "utf8",
    });
    if (compiled.status !== 0) throw new Error(`${compiler}: ${compiled.stderr}`);
    const [runner, ...rest] = [...toolchain.runner, program];
    const ran = spawnSync(runner ?? program, rest, { encoding: "utf8" });
    if (ran.status !== 0) throw new Error(`${runner}: exit ${ran.status} ${ran.stderr}`);
    return new Map(
      ran.stdout.trim().split("\n").filter((line) => line !== "").map((line) => {
        const [name = "", value = "0"] = line.split(" ");
        return [name, BigInt(value)];
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const program = (includes: readonly string[], body: readonly string[]): string =>
  [
    "#define _GNU_SOURCE",
    ...includes.map((header) => `#include <${header}>`),
    "#include <stddef.h>",
    "int printf(const char *, ...);",
    "int main(void) {",
    ...body,
    "return 0; }",
  ].join("\n");

const print = (name: string, expression: string): string =>
  `printf("${name} %llu\\n", (unsigned long long)(${expression}));`;

function isLayout(value: unknown): value is StructLayout {
  return typeof value === "object" && value !== null && "fields" in value && "c" in value;
}

const word = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));

/** What a module of ffi/abi says: constants by name, structs as `sizeof …` and `offsetof …`. */
function ownFacts(module: Readonly<Record<string, unknown>>): Map<string, bigint> {
  const facts = new Map<string, bigint>();
  for (const [name, value] of Object.entries(module)) {
    if ((typeof value === "number" || typeof value === "bigint") && /^_?[A-Z]/.test(name)) {
      facts.set(name, word(value));
    } else if (isLayout(value)) {
      facts.set(`sizeof:${value.c}`, BigInt(value.size));
      for (const [field, { offset }] of Object.entries(value.fields)) {
        if (!field.startsWith("__")) facts.set(`offsetof:${value.c}:${field}`, BigInt(offset));
      }
    }
  }
  return facts;
}

/** A fact as one word. */
const keyOf = (name: string): string => name.replaceAll(" ", "_");

/** The C statement that prints one fact; nothing is printed for a macro that the headers do not have. */
function question(name: string, enums: ReadonlySet<string>): string {
  const key = keyOf(name);
  const [kind, type = "", field = ""] = name.split(":");
  if (kind === "sizeof") return print(key, `sizeof(${MEMBERS[type]?.type ?? type})`);
  if (kind === "offsetof") {
    const members = MEMBERS[type];
    return print(key, `offsetof(${members?.type ?? type}, ${members?.fields?.[field] ?? field})`);
  }
  const asked = print(key, name);
  return enums.has(name) ? asked : `#ifdef ${name}\n${asked}\n#endif`;
}

/** The four open flags that differ are compared as they are on `architecture`. */
function onArchitecture(
  fact: readonly [string, bigint],
  architecture: SyscallArchitecture,
): bigint {
  const [name, value] = fact;
  if (architecture === "x86_64" || !/^O_[A-Z]+$/.test(name)) return value;
  return word(openFlagsOfAarch64(Number(value)) >>> 0);
}

/** Compares everything that `ffi/abi` holds with what the toolchain's headers say. */
export async function checkAbi(toolchain: Toolchain): Promise<AbiReport> {
  const { architecture } = toolchain;
  const differences: string[] = [];
  const unknown: string[] = [];
  let compared = 0;
  const compare = (fact: { name: string; own: bigint; header: bigint | undefined }): void => {
    const { name, own, header } = fact;
    if (header === undefined) {
      if (!NEWER.has(name)) unknown.push(name);
    } else if (header !== own) differences.push(`${name}: ${own} here, ${header} in the headers`);
    else compared++;
  };
  for (const unit of UNITS) {
    const own = ownFacts(await unit.load());
    const names = [...own.keys()].filter((name) => !unit.skip.has(keyOf(name)));
    const source = program(unit.includes, names.map((name) => question(name, unit.enums)));
    const headers = runC(source, toolchain);
    for (const name of names) {
      const value = onArchitecture([name, own.get(name) ?? 0n], architecture);
      const header = headers.get(keyOf(name));
      compare({ name, own: value, header: header === undefined ? header : mask(name, header) });
    }
  }
  const calls = allSyscalls();
  const numbers = runC(
    program(
      ["asm/unistd.h"],
      calls.map((name) => `#ifdef __NR_${name}\n${print(name, `__NR_${name}`)}\n#endif`),
    ),
    toolchain,
  );
  for (const name of calls) {
    const header = numbers.get(name);
    const own = numberOn(name, architecture);
    if (own !== undefined) compare({ name, own, header });
    else if (header !== undefined) {
      differences.push(`${name}: missing here, ${header} in the headers`);
    }
  }
  return { compared, differences, unknown };
}

/** O_* of aarch64 went through 32 bits. */
const mask = (name: string, header: bigint): bigint =>
  /^O_[A-Z]+$/.test(name) ? header & 0xffffffffn : header;

function numberOn(name: string, architecture: SyscallArchitecture): bigint | undefined {
  try {
    return BigInt(syscallNumber(name, architecture));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

async function main(): Promise<number> {
  let status = 0;
  for (const toolchain of TOOLCHAINS) {
    const tool = missingTool(toolchain);
    if (tool !== undefined) {
      console.log(`${toolchain.architecture}: not compared, there is no ${tool}`);
      continue;
    }
    const { compared, differences, unknown } = await checkAbi(toolchain);
    console.log(`${toolchain.architecture}: ${compared} facts agree`);
    for (const line of differences) console.log(`  differs: ${line}`);
    for (const name of unknown) console.log(`  unknown to the headers: ${name}`);
    if (differences.length + unknown.length > 0) status = 1;
  }
  return status;
}

if (import.meta.main) process.exitCode = await main();
