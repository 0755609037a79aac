/**
 * Execution domains.
 *
 * Source: <linux/personality.h>; personality(2).
 */
export const PER_LINUX = 0x0;
export const PER_LINUX32 = 0x8;
export const ADDR_NO_RANDOMIZE = 0x40000;
export const READ_IMPLIES_EXEC = 0x400000;
export const ADDR_COMPAT_LAYOUT = 0x200000;
/** Flags of personality(2) by name. */
export const PERSONALITY_FLAGS = {
  ADDR_NO_RANDOMIZE,
  READ_IMPLIES_EXEC,
  ADDR_COMPAT_LAYOUT,
} as const;
