/**
 * Memory whose address never changes: mmap'ed, not the garbage collector's. Nothing else is ever given to native code
 * but what `ffi/linux/shared.ts` makes, which does not move either (Bun moves small typed arrays, and both runtimes may free
 * what JavaScript forgot but the kernel did not).
 */
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "../abi/mman.ts";

/** A piece of an arena. */
export interface Piece {
  /** Address of its first byte. */
  readonly address: number;
  readonly size: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
}

/** What an arena needs of the machine. */
export interface Mapper {
  /** New zeroed memory with these `prot` and `flags` of mmap(2); throws when there is none. */
  readonly map: (
    length: number,
    how: { readonly prot: number; readonly flags: number },
  ) => number;
  readonly unmap: (address: number, length: number) => void;
  readonly view: (address: number, length: number) => ArrayBuffer;
}

interface Chunk {
  readonly address: number;
  readonly buffer: ArrayBuffer;
  used: number;
}

const PAGE_BYTES = 65_536; // the largest page of our architectures

/** Hands out pieces one after the other; all are given back at once. */
export class Arena {
  readonly #mapper: Mapper;
  readonly #chunkBytes: number;
  readonly #chunks: Chunk[] = [];
  #current = 0;

  /** `chunkBytes`: how much is mapped at a time; a larger piece gets a chunk of its own. Nothing is mapped yet. */
  constructor(mapper: Mapper, chunkBytes = PAGE_BYTES) {
    this.#mapper = mapper;
    this.#chunkBytes = roundUp(chunkBytes, PAGE_BYTES);
  }

  /** Bytes that are mapped. */
  get mappedBytes(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.buffer.byteLength, 0);
  }

  /**
   * `size` zeroed bytes at a multiple of `align` (a power of two, at most 4096).
   *
   * @throws RangeError for a size that is no count of bytes; what the mapper throws when there is no memory.
   */
  allocate(size: number, align = 8): Piece {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`no piece has ${size} bytes`);
    for (;;) {
      const chunk = this.#chunks[this.#current] ?? this.#grow(size);
      // Not roundUp: this is called so often at a start that the engine would begin to compile it.
      const offset = (chunk.used + align - 1) & -align;
      if (offset + size <= chunk.buffer.byteLength) {
        chunk.used = offset + size;
        return piece(chunk, { offset, size });
      }
      this.#current++;
    }
  }

  /** Copies `bytes` into the arena. */
  place(bytes: Uint8Array, align = 8): Piece {
    const placed = this.allocate(bytes.length, align);
    placed.bytes.set(bytes);
    return placed;
  }

  /**
   * Takes back every piece. The memory stays mapped for the next ones, and is zeroed only as far as it was used.
   * A piece that is still held then shows what comes after it: hold none.
   */
  reset(): void {
    for (const chunk of this.#chunks) {
      if (chunk.used > 0) new Uint8Array(chunk.buffer, 0, chunk.used).fill(0);
      chunk.used = 0;
    }
    this.#current = 0;
  }

  /** Unmaps everything. No view of a piece may be touched any more: that would end the process. */
  [Symbol.dispose](): void {
    for (const chunk of this.#chunks) this.#mapper.unmap(chunk.address, chunk.buffer.byteLength);
    this.#chunks.length = 0;
    this.#current = 0;
  }

  #grow(size: number): Chunk {
    const length = Math.max(this.#chunkBytes, roundUp(size, PAGE_BYTES));
    const address = this.#mapper.map(length, {
      prot: PROT_READ | PROT_WRITE,
      flags: MAP_PRIVATE | MAP_ANONYMOUS,
    });
    const chunk = { address, buffer: this.#mapper.view(address, length), used: 0 };
    this.#chunks.push(chunk);
    this.#current = this.#chunks.length - 1;
    return chunk;
  }
}

function piece(chunk: Chunk, at: { readonly offset: number; readonly size: number }): Piece {
  return {
    address: chunk.address + at.offset,
    size: at.size,
    bytes: new Uint8Array(chunk.buffer, at.offset, at.size) as Uint8Array<ArrayBuffer>,
    view: new DataView(chunk.buffer, at.offset, at.size) as DataView<ArrayBuffer>,
  };
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;
