/** What must come of a hostile archive. */
import type { ImageErrorCode } from "../../../runtime/image/error.ts";
import type { TarLimits } from "../../../runtime/image/tar/read.ts";

export interface HostileArchive {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Lower ones than for real archives, so that a bomb need not be large. */
  readonly limits?: TarLimits;
  readonly expect:
    | { readonly code: ImageErrorCode; readonly message: RegExp }
    /** `TYPE PATH DETAIL`, sorted: exactly these, and nothing else anywhere. */
    | { readonly files: readonly string[] };
}

export function refuse(
  name: string,
  [code, message]: readonly [ImageErrorCode, RegExp],
  bytes: Uint8Array,
): HostileArchive {
  return { name, bytes, expect: { code, message } };
}

export function accept(
  name: string,
  files: readonly string[],
  bytes: Uint8Array,
): HostileArchive {
  return { name, bytes, expect: { files } };
}
