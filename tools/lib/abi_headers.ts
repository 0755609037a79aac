/** Which headers of the C library and the kernel each file of `ffi/abi` comes from; data of tools/check_abi.ts. */

export interface Unit {
  readonly load: () => Promise<Readonly<Record<string, unknown>>>;
  readonly includes: readonly string[];
  /** Names that are members of an enum: no #ifdef can ask for them. */
  readonly enums: ReadonlySet<string>;
  /** Facts that these headers can't be asked for: names of ours, or (with _ for spaces) structs that they lack. */
  readonly skip: ReadonlySet<string>;
}

const names = (text: string): ReadonlySet<string> =>
  new Set(text.trim().split(/\s+/).filter((name) => name !== ""));

const unit = (
  load: Unit["load"],
  rest: { includes: string; enums?: string; skip?: string },
): Unit => ({
  load,
  includes: [...names(rest.includes)],
  enums: names(rest.enums ?? ""),
  skip: names(rest.skip ?? ""),
});

export const UNITS: readonly Unit[] = [
  unit(() => import("../../ffi/abi/bpf.ts"), {
    includes: "linux/bpf.h",
    enums: "BPF_PROG_LOAD BPF_PROG_ATTACH BPF_PROG_DETACH BPF_PROG_TYPE_CGROUP_DEVICE " +
      "BPF_CGROUP_DEVICE BPF_DEVCG_ACC_MKNOD BPF_DEVCG_ACC_READ BPF_DEVCG_ACC_WRITE " +
      "BPF_DEVCG_DEV_BLOCK BPF_DEVCG_DEV_CHAR",
    // A union of which ours is a part, and two fields of four bits that ours takes together.
    skip: "sizeof:union_bpf_attr offsetof:struct_bpf_insn:regs",
  }),
  unit(() => import("../../ffi/abi/capability.ts"), { includes: "linux/capability.h" }),
  unit(() => import("../../ffi/abi/errno.ts"), {
    includes: "errno.h",
    skip: "MAX_ERRNO",
  }),
  unit(() => import("../../ffi/abi/fcntl.ts"), {
    includes: "fcntl.h linux/close_range.h sys/file.h stdio.h",
    // glibc says 0, because its open64 is open; the kernel's number is asked for in openat2.ts's unit of asm/fcntl.h.
    skip: "O_LARGEFILE",
  }),
  unit(async () => {
    const { O_DIRECT, O_DIRECTORY, O_LARGEFILE, O_NOFOLLOW, O_TMPFILE } = await import(
      "../../ffi/abi/fcntl.ts"
    );
    return { O_DIRECT, O_DIRECTORY, O_LARGEFILE, O_NOFOLLOW, O_TMPFILE };
  }, { includes: "asm/fcntl.h" }),
  unit(() => import("../../ffi/abi/if.ts"), {
    includes: "linux/if.h",
    enums: "IFF_UP IFF_BROADCAST IFF_DEBUG IFF_LOOPBACK IFF_POINTOPOINT IFF_RUNNING IFF_NOARP " +
      "IFF_PROMISC IFF_ALLMULTI IFF_MULTICAST",
  }),
  unit(() => import("../../ffi/abi/ioctl.ts"), {
    includes: "sys/ioctl.h linux/sockios.h linux/nsfs.h linux/fs.h linux/seccomp.h",
  }),
  unit(() => import("../../ffi/abi/landlock.ts"), {
    includes: "linux/landlock.h",
    enums: "LANDLOCK_RULE_PATH_BENEATH",
    // Of later ABIs than Linux 6.1 has; the struct grew.
    skip: "sizeof:struct_landlock_ruleset_attr " +
      "offsetof:struct_landlock_ruleset_attr:handled_access_net " +
      "offsetof:struct_landlock_ruleset_attr:scoped sizeof:struct_landlock_net_port_attr " +
      "offsetof:struct_landlock_net_port_attr:allowed_access " +
      "offsetof:struct_landlock_net_port_attr:port",
  }),
  unit(() => import("../../ffi/abi/loop.ts"), {
    includes: "linux/loop.h",
    enums: "LO_FLAGS_READ_ONLY LO_FLAGS_AUTOCLEAR",
  }),
  unit(() => import("../../ffi/abi/magic.ts"), { includes: "linux/magic.h sys/vfs.h" }),
  unit(() => import("../../ffi/abi/memfd.ts"), { includes: "linux/memfd.h" }),
  unit(() => import("../../ffi/abi/mman.ts"), { includes: "sys/mman.h" }),
  unit(() => import("../../ffi/abi/mount.ts"), {
    includes: "fcntl.h linux/mount.h",
    enums: "FSCONFIG_SET_FLAG FSCONFIG_SET_STRING FSCONFIG_SET_BINARY FSCONFIG_SET_PATH " +
      "FSCONFIG_SET_PATH_EMPTY FSCONFIG_SET_FD FSCONFIG_CMD_CREATE FSCONFIG_CMD_RECONFIGURE",
    skip: "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW",
  }),
  unit(async () => {
    const { MNT_DETACH, MNT_EXPIRE, MNT_FORCE, UMOUNT_NOFOLLOW } = await import(
      "../../ffi/abi/mount.ts"
    );
    return { MNT_DETACH, MNT_EXPIRE, MNT_FORCE, UMOUNT_NOFOLLOW };
  }, { includes: "sys/mount.h", enums: "MNT_FORCE MNT_DETACH MNT_EXPIRE UMOUNT_NOFOLLOW" }),
  unit(() => import("../../ffi/abi/openat2.ts"), { includes: "linux/openat2.h" }),
  unit(() => import("../../ffi/abi/keyctl.ts"), { includes: "linux/keyctl.h" }),
  unit(() => import("../../ffi/abi/personality.ts"), {
    includes: "linux/personality.h",
    enums: "PER_LINUX PER_LINUX32 ADDR_NO_RANDOMIZE READ_IMPLIES_EXEC ADDR_COMPAT_LAYOUT",
  }),
  unit(() => import("../../ffi/abi/poll.ts"), { includes: "poll.h" }),
  unit(() => import("../../ffi/abi/prctl.ts"), {
    includes: "linux/prctl.h linux/securebits.h",
  }),
  unit(() => import("../../ffi/abi/resource.ts"), {
    includes: "linux/resource.h linux/ioprio.h",
    enums: "IOPRIO_CLASS_NONE IOPRIO_CLASS_RT IOPRIO_CLASS_BE IOPRIO_CLASS_IDLE " +
      "IOPRIO_WHO_PROCESS IOPRIO_WHO_PGRP IOPRIO_WHO_USER",
  }),
  unit(() => import("../../ffi/abi/sched.ts"), {
    includes: "linux/types.h linux/sched.h linux/sched/types.h",
    // It grew: ours is the first version.
    skip: "sizeof:struct_sched_attr",
  }),
  unit(() => import("../../ffi/abi/seccomp.ts"), {
    includes: "linux/seccomp.h linux/audit.h linux/filter.h",
  }),
  unit(() => import("../../ffi/abi/signal.ts"), {
    includes: "linux/types.h linux/signal.h asm/siginfo.h linux/fcntl.h linux/signalfd.h",
    skip: "SIGSET_SIZE SIGRTMAX",
  }),
  unit(() => import("../../ffi/abi/socket.ts"), {
    includes: "sys/socket.h netinet/in.h linux/netlink.h linux/un.h",
    enums: "SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET SOCK_CLOEXEC SOCK_NONBLOCK SHUT_RD " +
      "SHUT_WR SHUT_RDWR",
  }),
  unit(() => import("../../ffi/abi/stat.ts"), { includes: "sys/stat.h" }),
  unit(() => import("../../ffi/abi/termbits.ts"), { includes: "asm/termbits.h asm/termios.h" }),
  unit(() => import("../../ffi/abi/timerfd.ts"), {
    includes: "time.h sys/time.h sys/timerfd.h",
    enums: "TFD_CLOEXEC TFD_NONBLOCK",
  }),
  unit(() => import("../../ffi/abi/wait.ts"), { includes: "linux/wait.h linux/resource.h" }),
];

/**
 * Names of kernels after Linux 6.1, whose headers Debian 12 has: unknown there is no fault. Where the headers have them
 * they are compared like all others.
 */
export const NEWER: ReadonlySet<string> = names(`
  F_SEAL_EXEC MFD_NOEXEC_SEAL MFD_EXEC
  MOVE_MOUNT_BENEATH FSCONFIG_CMD_CREATE_EXCL
  STATX_MNT_ID_UNIQUE STATX_SUBVOL STATX_WRITE_ATOMIC STATX_DIO_READ_ALIGN
  LANDLOCK_CREATE_RULESET_ERRATA
  PR_SET_MDWE PR_GET_MDWE PR_SET_MEMORY_MERGE PR_GET_MEMORY_MERGE
  SCM_PIDFD PID_FS_MAGIC
  LANDLOCK_RULE_NET_PORT LANDLOCK_ACCESS_FS_TRUNCATE LANDLOCK_ACCESS_FS_IOCTL_DEV
  LANDLOCK_ACCESS_NET_BIND_TCP LANDLOCK_ACCESS_NET_CONNECT_TCP
  LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET LANDLOCK_SCOPE_SIGNAL
  LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON
  LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF
  cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount
  lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat
  removexattrat open_tree_attr file_getattr file_setattr listns uretprobe uprobe
`);

/** C's own names where ours differ: the type to ask for, and paths of members that ours flatten. */
export const MEMBERS: Readonly<
  Record<string, { readonly type?: string; readonly fields?: Readonly<Record<string, string>> }>
> = {
  "struct statx": {
    fields: Object.fromEntries(
      ["atime", "btime", "ctime", "mtime"].flatMap((time) => [
        [`stx_${time}_sec`, `stx_${time}.tv_sec`],
        [`stx_${time}_nsec`, `stx_${time}.tv_nsec`],
      ]),
    ),
  },
  siginfo_t: {
    fields: {
      si_utime: "_sifields._sigchld._utime",
      si_stime: "_sifields._sigchld._stime",
      si_status: "_sifields._sigchld._status",
    },
  },
  "struct kernel_sigaction": { type: "struct sigaction" },
  "struct rusage": {
    fields: {
      ru_utime_sec: "ru_utime.tv_sec",
      ru_utime_usec: "ru_utime.tv_usec",
      ru_stime_sec: "ru_stime.tv_sec",
      ru_stime_usec: "ru_stime.tv_usec",
    },
  },
  "struct itimerspec": {
    fields: {
      it_interval_sec: "it_interval.tv_sec",
      it_interval_nsec: "it_interval.tv_nsec",
      it_value_sec: "it_value.tv_sec",
      it_value_nsec: "it_value.tv_nsec",
    },
  },
  "struct itimerval": {
    fields: {
      it_interval_sec: "it_interval.tv_sec",
      it_interval_usec: "it_interval.tv_usec",
      it_value_sec: "it_value.tv_sec",
      it_value_usec: "it_value.tv_usec",
    },
  },
};
