/**
 * Where everything of a stage image stands: the fields of a record, the file, the addresses. docs/stage.md says it in
 * prose; encoder, decoder, simulator and both interpreters read it here, so that they can't disagree.
 */

/** Bytes of a record, and of the header in front of the constants. */
export const RECORD_SIZE = 64;
export const HEADER_SIZE = 64;

/** First byte of a record. 0 is no record: an interpreter that meets it dies by an illegal instruction. */
export const KIND_SYSCALL = 1;
export const KIND_BRANCH = 2;
export const KIND_LOAD = 3;
export const KIND_STORE = 4;
export const KIND_ADD = 5;
export const KIND_JUMP = 6;

/** Byte offsets inside a record. */
export const RECORD_KIND = 0;
/** Branch: a condition. Load and store: 1, 2, 4 or 8, for a load that extends the sign with `WIDTH_SIGNED`. */
export const RECORD_MODE = 1;
/** u16; bit i set: word i is the index of a slot and its value is what counts. */
export const RECORD_REFERENCES = 2;
/** u32, index of a slot. */
export const RECORD_DESTINATION = 4;
/** u32, index of a record, or `TARGET_CONTINUE`. */
export const RECORD_TARGET = 8;
/** u32, the kernel's number of the system call. */
export const RECORD_NUMBER = 12;
/** Six u64. */
export const RECORD_WORDS = 16;
export const WORD_COUNT = 6;

export const CONDITION_EQUAL = 0;
export const CONDITION_LESS = 1;
export const WIDTH_SIGNED = 0x80;
export const TARGET_CONTINUE = 0xffffffff;

/** Slots with a meaning of their own; the program's own begin at `SLOT_FIRST`. */
export const SLOT_ERROR_RECORD = 0;
export const SLOT_ERROR_ERRNO = 1;
/** Takes the results that nobody asked for, so that the interpreter stores always. */
export const SLOT_DISCARD = 2;
export const SLOT_FIRST = 3;

/** Byte offsets inside the header. */
export const HEADER_SLOTS_ADDRESS = 0;
export const HEADER_RECORDS_ADDRESS = 8;
export const HEADER_RECORD_COUNT = 16;
export const HEADER_SLOT_COUNT = 20;
export const HEADER_MAGIC = 24;
/** "cvstage1", little-endian; the digit is the version of the language. */
export const MAGIC_LOW = 0x74737663;
export const MAGIC_HIGH = 0x31656761;

/** An errno is a result in −4095…−1 (`MAX_ERRNO` of include/linux/err.h). */
export const MAX_ERRNO = 4095;

/** ELF header and four program headers fill 288 bytes; the code begins at the next multiple of 64. */
export const CODE_OFFSET = 320;
/** The header stands here, so code and the program's bytes never share a 4 KiB page. */
export const DATA_OFFSET = 4096;
/** Constants come before the records: so their addresses are known as soon as they are met. */
export const CONSTANTS_OFFSET = DATA_OFFSET + HEADER_SIZE;

/**
 * Every segment's address is its base + its place in the file. The bases are multiples of 64 KiB, so address and file
 * agree modulo every page size that aarch64 has, without padding. All addresses stay below 2^31: they fit into half a
 * word.
 */
export const CODE_BASE = 0x10000000;
export const DATA_BASE = 0x11000000;
export const WRITABLE_BASE = 0x12000000;
/** First address that the writable segment may not reach. */
export const WRITABLE_END = 0x40000000;
/** Records and constants may fill this many bytes of the file. */
export const DATA_LIMIT = WRITABLE_BASE - DATA_BASE - 0x10000;
export const HEADER_ADDRESS = DATA_BASE + DATA_OFFSET;
export const CONSTANTS_ADDRESS = DATA_BASE + CONSTANTS_OFFSET;
export const ENTRY_ADDRESS = CODE_BASE + CODE_OFFSET;

/** A plan that loads itself (shell.ts) begins with so many records that need nothing of the rest. */
export const LOADER_RECORDS = 11;

/** Exit status of the trap record that the encoder appends. */
export const TRAP_STATUS = 125;

/** `exit_group` with this status, which no process can end with, is how a launcher's program leaves the command line to the runtime. */
export const LEAVE_STATUS = 0x100;
