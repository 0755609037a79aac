/** Each kind of operation, written out: its line, its records, what takes it back. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { type Bytes, showCall, type Word } from "../../../ffi/calls/call.ts";
import type { Instruction } from "../../../ffi/stage/language.ts";
import type { Emitter } from "../../../runtime/plan/emitter.ts";
import { undoOps } from "../../../runtime/plan/lower.ts";
import { definition, type Op, OPS } from "../../../runtime/plan/ops/registry.ts";
import { assertGolden } from "../../support/golden.ts";
import { ALL_SAMPLES, SAMPLES } from "../../unit/runtime/support/samples.ts";

/** Labels get numbers in the order in which they are asked for. */
function instructionsOf(op: Op): readonly Instruction[] {
  const out: Instruction[] = [];
  let count = 0;
  const to: Emitter = {
    call: (call, options = {}) => {
      const { into, onError = "FAIL" } = options;
      out.push({
        kind: "syscall",
        call,
        step: 0,
        onError,
        ...(into === undefined ? {} : { into }),
      });
    },
    add: (...more) => void out.push(...more),
    label: (name) => `${name} ${++count}`,
  };
  definition(op).lower(op, to);
  return out;
}

function bytesText({ bytes }: Bytes): string {
  return `[${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}]`;
}

function wordText(word: Word): string {
  if (typeof word === "bigint") return `0x${BigInt.asUintN(64, word).toString(16)}`;
  if (typeof word === "number") return `${word}`;
  if ("result" in word) return `<${word.result}>`;
  if ("cell" in word) return `&${word.cell}+${word.offset ?? 0}`;
  return bytesText(word);
}

function show(one: Instruction): string {
  const at = (address: Word, offset: Word | undefined) =>
    `${wordText(address)}${offset === undefined ? "" : ` + ${wordText(offset)}`}`;
  switch (one.kind) {
    case "label":
      return `  ${one.name}:`;
    case "jump":
      return `    jump ${one.to}`;
    case "branch": {
      const sign = one.when === "equal" ? "==" : "<";
      return `    if ${wordText(one.left)} ${sign} ${wordText(one.right)} jump ${one.to}`;
    }
    case "add":
      return `    <${one.into}> = ${wordText(one.left)} + ${wordText(one.right)}`;
    case "load": {
      const sign = one.signed === true ? "i" : "u";
      return `    <${one.into}> = ${sign}${one.width * 8} ${at(one.address, one.offset)}`;
    }
    case "store":
      return `    u${one.width * 8} ${at(one.address, one.offset)} = ${wordText(one.value)}`;
    case "syscall": {
      const into = one.into === undefined ? "" : `<${one.into}> = `;
      const error = one.onError === "FAIL"
        ? ""
        : one.onError === "continue"
        ? " || go on"
        : ` || ${one.onError}`;
      return `    ${into}${showCall(one.call)}${error}`;
    }
  }
}

function section(op: Op): string {
  const undo = undoOps(op).map((one) => `  undo: ${definition(one).describe(one)}`);
  const lines = [`${op.kind} (${op.id}): ${definition(op).describe(op)}`];
  return [...lines, ...instructionsOf(op).map(show), ...undo, ""].join("\n");
}

test("every kind of operation has samples", () => {
  assertEquals(Object.keys(SAMPLES).sort(), Object.keys(OPS).sort());
});

test("operations as records", () => {
  const path = fileURLToPath(new URL("ops.txt", import.meta.url));
  assertGolden(path, ALL_SAMPLES.map(section).join("\n"));
});
