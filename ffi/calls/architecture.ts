/** Where the two architectures differ in a call's words. Records are made with the values of x86_64. */
import { F_SETFL, openFlagsOfAarch64 } from "../abi/fcntl.ts";
import { OPEN_HOW } from "../abi/openat2.ts";
import type { SyscallArchitecture } from "../abi/syscalls.ts";
import type { Syscall, Word } from "./call.ts";
import { isBytes } from "./record.ts";

const flagsWord = (word: Word | undefined): Word =>
  typeof word === "number" ? openFlagsOfAarch64(word) : word ?? 0;

function replaceWord(call: Syscall, at: { readonly index: number; readonly word: Word }): Syscall {
  const words = call.words.map((word, index) => (index === at.index ? at.word : word));
  return {
    name: call.name,
    words,
    get text() {
      return call.text;
    },
  };
}

function replaceHow(call: Syscall): Syscall {
  const how = call.words[2];
  if (how === undefined || !isBytes(how)) return call;
  const bytes = how.bytes.slice();
  const view = new DataView(bytes.buffer);
  const at = OPEN_HOW.fields.flags.offset;
  const flags = view.getBigUint64(at, true);
  const low = BigInt(openFlagsOfAarch64(Number(flags & 0xffffffffn)) >>> 0);
  view.setBigUint64(at, (flags >> 32n << 32n) | low, true);
  return replaceWord(call, { index: 2, word: { ...how, bytes } });
}

/**
 * The same call with its words as `architecture` wants them; the same record where nothing differs. O_DIRECTORY,
 * O_NOFOLLOW, O_DIRECT and O_LARGEFILE have other numbers on aarch64 (its <asm/fcntl.h>). The encoder of the stage and
 * the runner apply it last.
 */
export function forArchitecture(call: Syscall, architecture: SyscallArchitecture): Syscall {
  if (architecture === "x86_64") return call;
  switch (call.name) {
    case "openat":
      return replaceWord(call, { index: 2, word: flagsWord(call.words[2]) });
    case "openat2":
      return replaceHow(call);
    case "pipe2":
      return replaceWord(call, { index: 1, word: flagsWord(call.words[1]) });
    case "fcntl":
      return call.words[1] === F_SETFL
        ? replaceWord(call, { index: 2, word: flagsWord(call.words[2]) })
        : call;
    default:
      return call;
  }
}
