/** Memory that the kernel fills and another thread reads. */
import type { Piece } from "../memory/arena.ts";
import { kernel } from "./libc.ts";

/** A piece that is no arena's: it lives as long as it is held. */
export interface SharedPiece extends Piece {
  /** The same bytes, for a thread. */
  readonly shared: SharedArrayBuffer;
}

/** `size` zeroed bytes. They are seen as memory of one thread too: engines copy that faster, and by one call. */
export function sharePiece(size: number): SharedPiece {
  const { seam } = kernel();
  const { shared, address } = seam.share(size);
  const buffer = seam.view(address, size);
  return { address, size, shared, bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}
