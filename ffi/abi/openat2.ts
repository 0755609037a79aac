/**
 * Opening a path with rules for its resolution.
 *
 * Source: <linux/openat2.h>; openat2(2).
 */
import { defineStruct } from "./struct.ts";

// How the path may be resolved.
export const RESOLVE_NO_XDEV = 0x1;
export const RESOLVE_NO_MAGICLINKS = 0x2;
export const RESOLVE_NO_SYMLINKS = 0x4;
export const RESOLVE_BENEATH = 0x8;
export const RESOLVE_IN_ROOT = 0x10;
export const RESOLVE_CACHED = 0x20;
/** Resolution flags by name. */
export const RESOLVE_FLAGS = {
  RESOLVE_NO_XDEV,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_CACHED,
} as const;

/** struct open_how */
export const OPEN_HOW = defineStruct({
  c: "struct open_how",
  size: 24,
  fields: [
    ["flags", "u64"],
    ["mode", "u64"],
    ["resolve", "u64"],
  ],
});
