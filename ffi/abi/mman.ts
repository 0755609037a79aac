/**
 * Mapping memory.
 *
 * Source: <asm-generic/mman-common.h>, <asm-generic/mman.h>; mmap(2).
 */

// Protection.
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const PROT_EXEC = 0x4;
/** Protection bits by name; PROT_NONE is 0. */
export const PROTECTIONS = {
  PROT_READ,
  PROT_WRITE,
  PROT_EXEC,
} as const;
export const PROT_NONE = 0x0;

// mmap(2).
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_STACK = 0x20000;
export const MAP_FIXED_NOREPLACE = 0x100000;
/** Flags of mmap(2) by name. */
export const MAP_FLAGS = {
  MAP_SHARED,
  MAP_PRIVATE,
  MAP_FIXED,
  MAP_ANONYMOUS,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_STACK,
  MAP_FIXED_NOREPLACE,
} as const;
