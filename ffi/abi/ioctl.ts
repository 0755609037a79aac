/**
 * Numbers of ioctl(2).
 *
 * Source: <linux/sockios.h>, <asm-generic/ioctls.h>, <linux/nsfs.h>, <linux/fs.h>, <linux/seccomp.h>.
 */

// Interfaces.
export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFADDR = 0x8915;
export const SIOCSIFADDR = 0x8916;
export const SIOCSIFNETMASK = 0x891c;
export const SIOCGIFMTU = 0x8921;
export const SIOCSIFMTU = 0x8922;
export const SIOCGIFINDEX = 0x8933;

// Terminals.
export const TCGETS = 0x5401;
export const TCSETS = 0x5402;
export const TIOCSCTTY = 0x540e;
export const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
export const TIOCGWINSZ = 0x5413;
export const TIOCSWINSZ = 0x5414;
export const TIOCNOTTY = 0x5422;
export const TIOCGPTN = 0x80045430;
export const TIOCSPTLCK = 0x40045431;
export const TIOCGPTPEER = 0x5441;

// Namespaces.
export const NS_GET_USERNS = 0xb701;
export const NS_GET_PARENT = 0xb702;
export const NS_GET_NSTYPE = 0xb703;
export const NS_GET_OWNER_UID = 0xb704;

// Files.
export const FICLONE = 0x40049409;
export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;
export const FIONREAD = 0x541b;

// seccomp's notifications.
export const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
export const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
export const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102;
export const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103;

/** Requests of ioctl(2) by name. */
export const IOCTLS = {
  SIOCGIFFLAGS,
  SIOCSIFFLAGS,
  SIOCGIFADDR,
  SIOCSIFADDR,
  SIOCSIFNETMASK,
  SIOCGIFMTU,
  SIOCSIFMTU,
  SIOCGIFINDEX,
  TCGETS,
  TCSETS,
  TIOCSCTTY,
  TIOCGPGRP,
  TIOCSPGRP,
  TIOCGWINSZ,
  TIOCSWINSZ,
  TIOCNOTTY,
  TIOCGPTN,
  TIOCSPTLCK,
  TIOCGPTPEER,
  NS_GET_USERNS,
  NS_GET_PARENT,
  NS_GET_NSTYPE,
  NS_GET_OWNER_UID,
  FICLONE,
  FS_IOC_GETFLAGS,
  FS_IOC_SETFLAGS,
  FIONREAD,
  SECCOMP_IOCTL_NOTIF_RECV,
  SECCOMP_IOCTL_NOTIF_SEND,
  SECCOMP_IOCTL_NOTIF_ID_VALID,
  SECCOMP_IOCTL_NOTIF_ADDFD,
} as const;
