/**
 * Landlock: what a process takes away from itself.
 *
 * Source: <linux/landlock.h>; landlock(7). The ABI version that brought each is named.
 */
import { defineStruct } from "./struct.ts";
export const LANDLOCK_CREATE_RULESET_VERSION = 0x1;
export const LANDLOCK_CREATE_RULESET_ERRATA = 0x2;
/** Flags of landlock_create_ruleset(2) by name. */
export const LANDLOCK_CREATE_RULESET_FLAGS = {
  LANDLOCK_CREATE_RULESET_VERSION,
  LANDLOCK_CREATE_RULESET_ERRATA,
} as const;
export const LANDLOCK_RULE_PATH_BENEATH = 1;
export const LANDLOCK_RULE_NET_PORT = 2;
/** Rule types by name; ports are of ABI 4. */
export const LANDLOCK_RULE_TYPES = {
  LANDLOCK_RULE_PATH_BENEATH,
  LANDLOCK_RULE_NET_PORT,
} as const;

// Paths: ABI 1 to MAKE_SYM, REFER 2, TRUNCATE 3, IOCTL_DEV 5.
export const LANDLOCK_ACCESS_FS_EXECUTE = 0x1n;
export const LANDLOCK_ACCESS_FS_WRITE_FILE = 0x2n;
export const LANDLOCK_ACCESS_FS_READ_FILE = 0x4n;
export const LANDLOCK_ACCESS_FS_READ_DIR = 0x8n;
export const LANDLOCK_ACCESS_FS_REMOVE_DIR = 0x10n;
export const LANDLOCK_ACCESS_FS_REMOVE_FILE = 0x20n;
export const LANDLOCK_ACCESS_FS_MAKE_CHAR = 0x40n;
export const LANDLOCK_ACCESS_FS_MAKE_DIR = 0x80n;
export const LANDLOCK_ACCESS_FS_MAKE_REG = 0x100n;
export const LANDLOCK_ACCESS_FS_MAKE_SOCK = 0x200n;
export const LANDLOCK_ACCESS_FS_MAKE_FIFO = 0x400n;
export const LANDLOCK_ACCESS_FS_MAKE_BLOCK = 0x800n;
export const LANDLOCK_ACCESS_FS_MAKE_SYM = 0x1000n;
export const LANDLOCK_ACCESS_FS_REFER = 0x2000n;
export const LANDLOCK_ACCESS_FS_TRUNCATE = 0x4000n;
export const LANDLOCK_ACCESS_FS_IOCTL_DEV = 0x8000n;
/** Rights on paths by name. */
export const LANDLOCK_ACCESS_FS = {
  LANDLOCK_ACCESS_FS_EXECUTE,
  LANDLOCK_ACCESS_FS_WRITE_FILE,
  LANDLOCK_ACCESS_FS_READ_FILE,
  LANDLOCK_ACCESS_FS_READ_DIR,
  LANDLOCK_ACCESS_FS_REMOVE_DIR,
  LANDLOCK_ACCESS_FS_REMOVE_FILE,
  LANDLOCK_ACCESS_FS_MAKE_CHAR,
  LANDLOCK_ACCESS_FS_MAKE_DIR,
  LANDLOCK_ACCESS_FS_MAKE_REG,
  LANDLOCK_ACCESS_FS_MAKE_SOCK,
  LANDLOCK_ACCESS_FS_MAKE_FIFO,
  LANDLOCK_ACCESS_FS_MAKE_BLOCK,
  LANDLOCK_ACCESS_FS_MAKE_SYM,
  LANDLOCK_ACCESS_FS_REFER,
  LANDLOCK_ACCESS_FS_TRUNCATE,
  LANDLOCK_ACCESS_FS_IOCTL_DEV,
} as const;

// TCP ports: ABI 4.
export const LANDLOCK_ACCESS_NET_BIND_TCP = 0x1n;
export const LANDLOCK_ACCESS_NET_CONNECT_TCP = 0x2n;
/** Rights on TCP ports by name. */
export const LANDLOCK_ACCESS_NET = {
  LANDLOCK_ACCESS_NET_BIND_TCP,
  LANDLOCK_ACCESS_NET_CONNECT_TCP,
} as const;

// Scopes: ABI 6.
export const LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 0x1n;
export const LANDLOCK_SCOPE_SIGNAL = 0x2n;
/** Scopes by name. */
export const LANDLOCK_SCOPES = {
  LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET,
  LANDLOCK_SCOPE_SIGNAL,
} as const;

// landlock_restrict_self(2): ABI 7.
export const LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF = 0x1;
export const LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON = 0x2;
export const LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF = 0x4;
/** Flags of landlock_restrict_self(2) by name. */
export const LANDLOCK_RESTRICT_SELF_FLAGS = {
  LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF,
  LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON,
  LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF,
} as const;

/** struct landlock_ruleset_attr of ABI 6; older kernels take its first 8 or 16 bytes. */
export const LANDLOCK_RULESET_ATTR = defineStruct({
  c: "struct landlock_ruleset_attr",
  size: 24,
  fields: [
    ["handled_access_fs", "u64"],
    ["handled_access_net", "u64"],
    ["scoped", "u64"],
  ],
});

/** struct landlock_path_beneath_attr: packed, so `parent_fd` ends it. */
export const LANDLOCK_PATH_BENEATH_ATTR = defineStruct({
  c: "struct landlock_path_beneath_attr",
  size: 12,
  packed: true,
  fields: [["allowed_access", "u64"], ["parent_fd", "i32"]],
});

/** struct landlock_net_port_attr */
export const LANDLOCK_NET_PORT_ATTR = defineStruct({
  c: "struct landlock_net_port_attr",
  size: 16,
  fields: [
    ["allowed_access", "u64"],
    ["port", "u64"],
  ],
});
