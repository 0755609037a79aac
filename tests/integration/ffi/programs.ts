/** Small programs for the tests of spawning, made by the stage's own encoder. */
import { O_CLOEXEC, O_RDONLY } from "../../../ffi/abi/fcntl.ts";
import type { Syscall } from "../../../ffi/calls/call.ts";
import { close, openat, read, write } from "../../../ffi/calls/fs.ts";
import { exitGroup, getpid, kill } from "../../../ffi/calls/process.ts";
import { nanosleep } from "../../../ffi/calls/timer.ts";
import { encode } from "../../../ffi/stage/encode.ts";
import type { Instruction } from "../../../ffi/stage/language.ts";
import { loadSeam } from "../../../ffi/seam/load.ts";

function image(calls: readonly { call: Syscall; into?: string }[]): Uint8Array {
  const instructions: Instruction[] = calls.map(({ call, into }) => ({
    kind: "syscall",
    call,
    onError: "continue",
    step: 0,
    ...(into === undefined ? {} : { into }),
  }));
  return encode({ instructions }, loadSeam().architecture).image;
}

/** Ends with `status`. */
export const exits = (status: number): Uint8Array => image([{ call: exitGroup({ status }) }]);

/** Ends itself by `signal`. */
export const killsItself = (signal: number): Uint8Array =>
  image([
    { call: getpid(), into: "pid" },
    { call: kill({ pid: { result: "pid" }, sig: signal }) },
    { call: exitGroup({ status: 99 }) },
  ]);

/** Sleeps, then ends with 0. */
export const sleeps = (ms: number): Uint8Array =>
  image([
    { call: nanosleep({ req: { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1e6 } }) },
    { call: exitGroup({ status: 0 }) },
  ]);

const TEXT = { cell: "text", size: 4096 };

/** Copies the beginning of a file to descriptor `to`. */
export const shows = (pathname: string, to: number): Uint8Array =>
  image([
    { call: openat({ pathname, flags: O_RDONLY | O_CLOEXEC }), into: "fd" },
    { call: read({ fd: { result: "fd" }, buf: TEXT, count: TEXT.size }), into: "length" },
    { call: write({ fd: to, buf: TEXT, count: { result: "length" } }) },
    { call: exitGroup({ status: 0 }) },
  ]);

/** Writes `text` to descriptor `to` and ends with 0. */
export const writes = (text: string, to: number): Uint8Array =>
  image([
    { call: write({ fd: to, buf: text }) },
    { call: close({ fd: to }) },
    { call: exitGroup({ status: 0 }) },
  ]);
