/**
 * `without_call.ts CALL ERRNO CMD…`: becomes CMD, for which the system call fails with that errno, as on a kernel that lacks
 * it (38) or below a filter that forbids it (1).
 */
import process from "node:process";
import { PR_SET_NO_NEW_PRIVS } from "../../../ffi/abi/prctl.ts";
import { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO } from "../../../ffi/abi/seccomp.ts";
import { execve } from "../../../ffi/calls/process.ts";
import { prctl } from "../../../ffi/calls/prctl.ts";
import { seccompSetModeFilter } from "../../../ffi/calls/seccomp.ts";
import { numberOf } from "../../../ffi/linux/libc.ts";
import { check } from "../../../ffi/linux/run.ts";

const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;

/** `if (nr == number) return errno; return allow;` as struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
function filter(number: number, errno: number): Uint8Array {
  const rows = [
    [LOAD_WORD, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 1, number],
    [RETURN, 0, 0, SECCOMP_RET_ERRNO | errno],
    [RETURN, 0, 0, SECCOMP_RET_ALLOW],
  ] as const;
  const bytes = new Uint8Array(rows.length * 8);
  const view = new DataView(bytes.buffer);
  rows.forEach(([code, jt, jf, k], index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  return bytes;
}

const [call = "", errno = "", program = "", ...words] = process.argv.slice(2);
const envp = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
check(prctl({ option: PR_SET_NO_NEW_PRIVS, arg2: 1 }));
check(seccompSetModeFilter({ flags: 0, filter: filter(numberOf(call), Number(errno)) }));
// The whole process becomes the program, whatever threads there are.
check(execve({ pathname: program, argv: [program, ...words], envp }));
