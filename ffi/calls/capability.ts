/** Effective, permitted and inheritable capabilities of the calling thread. capset(2). */
import {
  _LINUX_CAPABILITY_VERSION_3,
  CAP_DATA,
  CAP_HEADER,
  CAP_LAST_CAP,
  capabilityNames,
} from "../abi/capability.ts";
import type { Cell, Syscall } from "./call.ts";
import { struct, syscall } from "./record.ts";
import { showPointer, showStruct } from "./show.ts";

const header = () => struct(CAP_HEADER, { version: _LINUX_CAPABILITY_VERSION_3, pid: 0 });
const HEADER_TEXT = "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}";

function showSet(mask: bigint): string {
  if (mask === 0n) return "0";
  const known = capabilityNames(mask).map((name) => `1<<CAP_${name}`);
  const rest = mask >> BigInt(CAP_LAST_CAP + 1) << BigInt(CAP_LAST_CAP + 1);
  return (rest === 0n ? known : [...known, `0x${rest.toString(16)}`]).join("|");
}

/**
 * `capset(2)`: the three sets, as masks of 1 << bit.
 *
 * Header  include/uapi/linux/capability.h
 * Since   Linux 2.2 (version 3: 2.6.26)
 * Needs   CAP_SETPCAP to add to the inheritable set what is not permitted
 * Errors  EPERM  a capability would be added to the permitted set, or one to the effective set that is not permitted
 * @see https://man7.org/linux/man-pages/man2/capset.2.html
 */
export function capset(
  args: { effective: bigint; permitted: bigint; inheritable: bigint },
): Syscall {
  const { effective, permitted, inheritable } = args;
  const bytes = new Uint8Array(CAP_DATA.size * 2);
  const view = new DataView(bytes.buffer);
  [effective, permitted, inheritable].forEach((mask, index) => {
    if (mask < 0n || mask >= 1n << 64n) throw new RangeError(`${mask} is no set of capabilities`);
    view.setUint32(index * 4, Number(mask & 0xffffffffn), true);
    view.setUint32(CAP_DATA.size + index * 4, Number(mask >> 32n), true);
  });
  return syscall("capset", {
    words: [header(), { bytes }],
    text: () => [
      HEADER_TEXT,
      showStruct({
        effective: showSet(effective),
        permitted: showSet(permitted),
        inheritable: showSet(inheritable),
      }),
    ],
  });
}

/**
 * `capget(2)`: the three sets into `datap` (24 bytes: two struct __user_cap_data_struct, the low 32 bits first).
 *
 * Header  include/uapi/linux/capability.h
 * Since   Linux 2.2 (version 3: 2.6.26)
 * Needs   nothing
 * Errors  none for the calling thread
 * @see https://man7.org/linux/man-pages/man2/capget.2.html
 */
export function capget(args: { datap: Cell }): Syscall {
  return syscall("capget", {
    words: [header(), args.datap],
    text: () => [HEADER_TEXT, showPointer(args.datap)],
  });
}
