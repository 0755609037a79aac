/**
 * The kernel's keyrings.
 *
 * Source: <linux/keyctl.h>; keyctl(2).
 */
export const KEYCTL_JOIN_SESSION_KEYRING = 1;
