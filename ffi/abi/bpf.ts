/**
 * Programs for the kernel's own machine, as far as control groups of version 2 need them.
 *
 * Source: <linux/bpf.h>, <linux/bpf_common.h>; bpf(2).
 */
import { defineStruct } from "./struct.ts";

// Commands of bpf(2).
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_DETACH = 9;
/** Commands of bpf(2) by name. */
export const BPF_COMMANDS = { BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_DETACH } as const;

// Kinds of programs, and where they are attached.
export const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
export const BPF_CGROUP_DEVICE = 6;
/** Several programs of one group are all asked, and those of the groups above. */
export const BPF_F_ALLOW_MULTI = 2;

// Classes of instructions.
export const BPF_LDX = 0x01;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_ALU64 = 0x07;

// Parts of an instruction's code.
export const BPF_W = 0x00;
export const BPF_MEM = 0x60;
export const BPF_K = 0x00;
export const BPF_X = 0x08;
export const BPF_AND = 0x50;
export const BPF_RSH = 0x70;
export const BPF_MOV = 0xb0;
export const BPF_JNE = 0x50;
export const BPF_EXIT = 0x90;

// What a device program is asked.
export const BPF_DEVCG_ACC_MKNOD = 1;
export const BPF_DEVCG_ACC_READ = 2;
export const BPF_DEVCG_ACC_WRITE = 4;
export const BPF_DEVCG_DEV_BLOCK = 1;
export const BPF_DEVCG_DEV_CHAR = 2;

/** struct bpf_insn: two registers of four bits each in `regs`, the destination low. */
export const BPF_INSN = defineStruct({
  c: "struct bpf_insn",
  size: 8,
  fields: [["code", "u8"], ["regs", "u8"], ["off", "i16"], ["imm", "i32"]],
});

/** struct bpf_cgroup_dev_ctx: `access_type` is access << 16 | kind. */
export const BPF_CGROUP_DEV_CTX = defineStruct({
  c: "struct bpf_cgroup_dev_ctx",
  size: 12,
  fields: [["access_type", "u32"], ["major", "u32"], ["minor", "u32"]],
});

/** The first members of union bpf_attr for BPF_PROG_LOAD; the kernel takes the rest as zero. */
export const BPF_ATTR_LOAD = defineStruct({
  c: "union bpf_attr",
  size: 72,
  fields: [
    ["prog_type", "u32"],
    ["insn_cnt", "u32"],
    ["insns", "u64"],
    ["license", "u64"],
    ["log_level", "u32"],
    ["log_size", "u32"],
    ["log_buf", "u64"],
    ["kern_version", "u32"],
    ["prog_flags", "u32"],
    ["prog_name", { bytes: 16, align: 1 }],
    ["prog_ifindex", "u32"],
    ["expected_attach_type", "u32"],
  ],
});

/** union bpf_attr for BPF_PROG_ATTACH. */
export const BPF_ATTR_ATTACH = defineStruct({
  c: "union bpf_attr",
  size: 16,
  fields: [
    ["target_fd", "u32"],
    ["attach_bpf_fd", "u32"],
    ["attach_type", "u32"],
    ["attach_flags", "u32"],
  ],
});
