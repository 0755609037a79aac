/**
 * Loop devices: a file as a block device.
 *
 * Source: <linux/loop.h>; loop(4).
 */
import { defineStruct } from "./struct.ts";

export const LOOP_CONFIGURE = 0x4c0a;
export const LOOP_CTL_GET_FREE = 0x4c82;

// lo_flags.
export const LO_FLAGS_READ_ONLY = 1;
export const LO_FLAGS_AUTOCLEAR = 4;

/** struct loop_config, with its struct loop_info64 from offset 8 on. */
export const LOOP_CONFIG = defineStruct({
  c: "struct loop_config",
  size: 304,
  fields: [
    ["fd", "u32"],
    ["block_size", "u32"],
    ["info", { bytes: 232, align: 8 }],
    ["__reserved", { bytes: 64, align: 8 }],
  ],
});

/** struct loop_info64 */
export const LOOP_INFO64 = defineStruct({
  c: "struct loop_info64",
  size: 232,
  fields: [
    ["lo_device", "u64"],
    ["lo_inode", "u64"],
    ["lo_rdevice", "u64"],
    ["lo_offset", "u64"],
    ["lo_sizelimit", "u64"],
    ["lo_number", "u32"],
    ["lo_encrypt_type", "u32"],
    ["lo_encrypt_key_size", "u32"],
    ["lo_flags", "u32"],
    ["lo_file_name", { bytes: 64, align: 1 }],
    ["lo_crypt_name", { bytes: 64, align: 1 }],
    ["lo_encrypt_key", { bytes: 32, align: 1 }],
    ["lo_init", { bytes: 16, align: 8 }],
  ],
});
