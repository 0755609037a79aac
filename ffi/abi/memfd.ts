/**
 * Files without a name.
 *
 * Source: <linux/memfd.h>; memfd_create(2).
 */

// MFD_NOEXEC_SEAL and MFD_EXEC are of Linux 6.3; older kernels answer EINVAL.
export const MFD_CLOEXEC = 0x1;
export const MFD_ALLOW_SEALING = 0x2;
export const MFD_HUGETLB = 0x4;
export const MFD_NOEXEC_SEAL = 0x8;
export const MFD_EXEC = 0x10;
/** Flags of memfd_create(2) by name. */
export const MEMFD_FLAGS = {
  MFD_CLOEXEC,
  MFD_ALLOW_SEALING,
  MFD_HUGETLB,
  MFD_NOEXEC_SEAL,
  MFD_EXEC,
} as const;
