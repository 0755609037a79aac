/**
 * Which devices a control group may use: as lines of the v1 controller, and as a program of v2.
 * Source: Documentation/admin-guide/cgroup-v1/devices.rst, kernel/bpf/cgroup.c.
 */
import {
  BPF_CGROUP_DEV_CTX,
  BPF_DEVCG_ACC_MKNOD,
  BPF_DEVCG_ACC_READ,
  BPF_DEVCG_ACC_WRITE,
  BPF_DEVCG_DEV_BLOCK,
  BPF_DEVCG_DEV_CHAR,
} from "../../../ffi/abi/bpf.ts";
import { bpfAttachDeviceProgram, bpfLoadDeviceProgram } from "../../../ffi/calls/bpf.ts";
import { close } from "../../../ffi/calls/open.ts";
import { encodeProgram, type Instruction } from "../../../ffi/wire/ebpf.ts";
import { result } from "../emitter.ts";
import type { OpCommon, OpDefinition } from "../op.ts";

/** What is allowed; all else is denied. */
export interface DeviceRule {
  readonly type: "character" | "block";
  readonly major: number;
  /** Absent: every one. */
  readonly minor?: number;
  /** Of `r`, `w`, `m` (mknod), in this order. */
  readonly access: string;
}

/** v2: a program that is asked for each device; it goes with the group. */
export interface DeviceProgram extends OpCommon {
  readonly kind: "cgroup.devices";
  readonly path: string;
  /** Slot of the group's directory. */
  readonly group: string;
  readonly rules: readonly DeviceRule[];
}

/** `c 1:3 rwm`: as v1's files have it. */
export function showRule({ type, major, minor, access }: DeviceRule): string {
  return `${type === "character" ? "c" : "b"} ${major}:${minor ?? "*"} ${access}`;
}

const ACCESS: Readonly<Record<string, number>> = {
  r: BPF_DEVCG_ACC_READ,
  w: BPF_DEVCG_ACC_WRITE,
  m: BPF_DEVCG_ACC_MKNOD,
};

const accessBits = (access: string): number =>
  [...access].reduce((bits, letter) => bits | (ACCESS[letter] ?? 0), 0);

const field = (name: keyof typeof BPF_CGROUP_DEV_CTX.fields): number =>
  BPF_CGROUP_DEV_CTX.fields[name].offset;

/** r2 the kind, r3 the access that is asked for, r4 and r5 the number. The result 1 allows, 0 denies. */
export function deviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  return encodeProgram([
    { op: "load", to: 2, from: 1, offset: field("access_type") },
    { op: "move", to: 3, from: 2 },
    { op: "and", to: 2, value: 0xffff },
    { op: "shiftRight", to: 3, value: 16 },
    { op: "load", to: 4, from: 1, offset: field("major") },
    { op: "load", to: 5, from: 1, offset: field("minor") },
    ...rules.flatMap(oneRule),
    { op: "move", to: 0, from: { value: 0 } },
    { op: "exit" },
  ]);
}

function oneRule(rule: DeviceRule, index: number): readonly Instruction[] {
  const label = `rule ${index + 1}`;
  const kind = rule.type === "block" ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  return [
    { op: "jumpUnlessEqual", left: 2, right: { value: kind }, label },
    { op: "jumpUnlessEqual", left: 4, right: { value: rule.major }, label },
    ...(rule.minor === undefined
      ? []
      : [{ op: "jumpUnlessEqual", left: 5, right: { value: rule.minor }, label } as const]),
    // What is asked for must be a part of what the rule allows.
    { op: "move", to: 0, from: 3 },
    { op: "and", to: 0, value: accessBits(rule.access) },
    { op: "jumpUnlessEqual", left: 0, right: 3, label },
    { op: "move", to: 0, from: { value: 1 } },
    { op: "exit" },
    { op: "label", name: label },
  ];
}

export const devices: OpDefinition<DeviceProgram> = {
  describe: (op) => `bpf(BPF_PROG_ATTACH, devices: ${op.rules.map(showRule).join(", ")})`,
  lower(op, to) {
    const program = deviceProgram(op.rules);
    to.call(bpfLoadDeviceProgram({ program, name: "devices" }), { into: "program" });
    to.call(bpfAttachDeviceProgram({ cgroup: result(op.group), program: result("program") }));
    to.call(close({ fd: result("program") }), { onError: "continue" });
  },
};
