/**
 * What a keeper is told, what it answers, and what it writes. One keeper per project: it is the parent of the project's
 * detached containers, notes how each ends, and keeps their output.
 *
 * Messages over SOCK_SEQPACKET, little-endian:
 *
 *     to the keeper    0 u32 kind   4 u32 pid   8 u64 name of the log   16 u64 bytes at which it is rotated   24 u64 its bytes now
 *                      32 u32 old logs that are kept (1…9)   36 u32 descriptors that are handed on
 *                      40 u32 seconds that output waits for room on a full disk, 0: none
 *                      48 u64 bytes that were lost since the log's last frame
 *                      start: descriptors image, plan, control, report, announce, stdin, stdout, stderr, output, errors, those that are handed on
 *                      adopt: descriptors pidfd, output, errors; `pid` is that of the container's first process
 *                      hold: descriptors of a container's root and of its disk's lock (or the root again), kept under the log's name
 *                      give: asks for copies of them; release: closes them
 *     of the keeper    0 u32 kind   4 i32 pid of the keeper (ready: first, to each connection), of the stage (start), else 0, or -errno;
 *                      give: the descriptors
 */
import { FIRST_PASSED_FD } from "../report.ts";

/**
 * Descriptors that a keeper is started with. Those that it is sent come after FIRST_OWN_FD: every number that a descriptor of a
 * stage has is taken as long as the keeper lives.
 */
export const LISTEN_FD = 3;
export const FIRST_CLIENT_FD = 4;
export const LOGS_FD = 5;
export const ENDINGS_FD = 6;
/** As many descriptors can be handed on to a container: secrets. */
export const PASSED_MAX = 32;
export const FIRST_OWN_FD: number = FIRST_PASSED_FD + PASSED_MAX;

export const MESSAGE_BYTES = 64;
export const MESSAGE = { start: 1, adopt: 2, hold: 3, give: 4, release: 5 } as const;
export const MESSAGE_PID = 4;
export const MESSAGE_LOG = 8;
export const MESSAGE_LIMIT = 16;
export const MESSAGE_SIZE = 24;
export const MESSAGE_FILES = 32;
export const MESSAGE_PASSED = 36;
export const MESSAGE_WAIT = 40;
export const MESSAGE_LOST = 48;

export const ANSWER_BYTES = 8;
export const ANSWER = {
  start: 1,
  adopt: 2,
  ready: 3,
  hold: 4,
  give: 5,
  release: 6,
  /** Not done; the value is the errno, and the connection ends. */
  failed: 7,
} as const;

/** Order of the descriptors of a start. */
export const START_FDS = [
  "image",
  "plan",
  "control",
  "report",
  "announce",
  "stdin",
  "stdout",
  "stderr",
  "output",
  "errors",
] as const;
export const ADOPT_FDS = ["pidfd", "output", "errors"] as const;
export const HELD_FDS = ["root", "lock"] as const;

/** As many pipes, connections and adopted containers as one keeper can have. */
export const ENTRIES_MAX = 8192;
export const CONTAINERS_MAX = 4096;

/** A log's name has exactly so many characters: it is one word of the program. */
export const LOG_NAME_BYTES = 8;

/**
 * A frame of a log:
 *
 *     0 u64 seconds   8 u32 nanoseconds   12 u32 magic   16 u32 length   20 u32 stream   24 u64 bytes lost before it   32 the bytes
 */
export const FRAME_HEADER_BYTES = 32;
export const FRAME_MAGIC = 0x676f6c63; // "clog"
export const FRAME_NANOSECONDS = 8;
export const FRAME_MAGIC_AT = 12;
export const FRAME_LENGTH = 16;
export const FRAME_STREAM = 20;
export const FRAME_LOST = 24;
/** The longest run of bytes that one frame has. */
export const FRAME_BYTES_MAX = 65_536;
/**
 * How many bytes have been lost since its last frame stands in the time of a log's last modification, for which there is always room: as
 * its seconds, with so many nanoseconds. Whatever is written next takes that away, and says it itself.
 */
export const LOST_NANOSECONDS = 476_867_433;
/** Values of a frame's stream. */
export const STREAM = { stdout: 1, stderr: 2 } as const;

/** An ending: `0 u64 seconds   8 u64 nanoseconds   16 siginfo (128 bytes)   144 rusage (144 bytes)`. */
export const ENDING_BYTES = 288;
/** So much room is kept free behind the last one: what fills the disk as it ends does not keep its own end from being noted. */
export const ENDINGS_ROOM_BYTES = 16_384;
export const ENDING_SIGINFO = 16;
export const ENDING_RUSAGE = 144;
