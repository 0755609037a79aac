/** Programs of the kernel's own machine. bpf(2). */
import {
  BPF_ATTR_ATTACH,
  BPF_ATTR_LOAD,
  BPF_CGROUP_DEVICE,
  BPF_F_ALLOW_MULTI,
  BPF_INSN,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_DEVICE,
} from "../abi/bpf.ts";
import { cstr } from "../abi/text.ts";
import type { Syscall, Word } from "./call.ts";
import { cString, struct, syscall } from "./record.ts";
import { showStruct, showWord } from "./show.ts";

/** Programs of this type need no helper of the kernel that asks for a licence. */
const LICENSE = "GPL";

/**
 * `bpf(2)` with BPF_PROG_LOAD: a program that decides on the devices of a control group; a descriptor of it.
 *
 * Header  include/uapi/linux/bpf.h
 * Since   Linux 4.15 (BPF_PROG_TYPE_CGROUP_DEVICE)
 * Needs   CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN (before 5.8 only that)
 * Errors  EPERM   no such capability
 *         EACCES  the verifier refuses the program
 *         EINVAL  the kernel was built without CONFIG_CGROUP_BPF
 * @see https://man7.org/linux/man-pages/man2/bpf.2.html
 */
export function bpfLoadDeviceProgram(args: { program: Uint8Array; name: string }): Syscall {
  const { program, name } = args;
  const count = program.length / BPF_INSN.size;
  const attr = struct(BPF_ATTR_LOAD, {
    prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
    insn_cnt: count,
    insns: { bytes: program },
    license: cString(LICENSE),
    prog_name: cstr(name),
    expected_attach_type: BPF_CGROUP_DEVICE,
  });
  return syscall("bpf", {
    words: [BPF_PROG_LOAD, attr, BPF_ATTR_LOAD.size],
    text: () => [
      "BPF_PROG_LOAD",
      showStruct({
        prog_type: "BPF_PROG_TYPE_CGROUP_DEVICE",
        insn_cnt: String(count),
        license: `"${LICENSE}"`,
        prog_name: `"${name}"`,
        expected_attach_type: "BPF_CGROUP_DEVICE",
      }),
      String(BPF_ATTR_LOAD.size),
    ],
  });
}

/**
 * `bpf(2)` with BPF_PROG_ATTACH: the program decides for the group `cgroup` and all below it; it goes with the group.
 *
 * Header  include/uapi/linux/bpf.h
 * Since   Linux 4.10 (BPF_F_ALLOW_MULTI 4.15)
 * Needs   CAP_NET_ADMIN, or CAP_SYS_ADMIN
 * Errors  EPERM   no such capability, or a group above forbids it
 *         EBADF   `cgroup` is no directory of cgroup v2
 * @see https://man7.org/linux/man-pages/man2/bpf.2.html
 */
export function bpfAttachDeviceProgram(args: { cgroup: Word; program: Word }): Syscall {
  const { cgroup, program } = args;
  const attr = struct(BPF_ATTR_ATTACH, {
    target_fd: cgroup,
    attach_bpf_fd: program,
    attach_type: BPF_CGROUP_DEVICE,
    attach_flags: BPF_F_ALLOW_MULTI,
  });
  return syscall("bpf", {
    words: [BPF_PROG_ATTACH, attr, BPF_ATTR_ATTACH.size],
    text: () => [
      "BPF_PROG_ATTACH",
      showStruct({
        target_fd: showWord(cgroup),
        attach_bpf_fd: showWord(program),
        attach_type: "BPF_CGROUP_DEVICE",
        attach_flags: "BPF_F_ALLOW_MULTI",
      }),
      String(BPF_ATTR_ATTACH.size),
    ],
  });
}
