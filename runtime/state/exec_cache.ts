/**
 * Images of commands that were executed before in a container that still runs: the same command, seen from the same place, gives the
 * same plan. One file per command in the container's own directory, which goes with it:
 *
 *     0 `cvexec1\0`   8 three lengths, u32   20 the key, the summary (JSON), the image
 *
 * The key holds the command and all that the plan depends on, and is compared whole: the name of the file proves nothing.
 */
import { hash64 } from "../../ffi/abi/hash.ts";
import { unlinkat } from "../../ffi/calls/path.ts";
import { listDirectory } from "../../ffi/linux/directory.ts";
import { isPrivateDirectory, replaceFile } from "../../ffi/linux/file.ts";
import { glanceBytes } from "../../ffi/linux/glance.ts";
import { callSync } from "../../ffi/linux/run.ts";
import type { Summary } from "../plan/plan.ts";

export interface RememberedExec {
  readonly image: Uint8Array;
  readonly summary: Summary;
}

const MAGIC = "cvexec1\0";
const HEAD_BYTES = 20;
const PREFIX = "exec-";
/** More commands than that are not remembered at a time. */
const COMMANDS_MAX = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const pathOf = (directory: string, command: string): string =>
  `${directory}/${PREFIX}${hash64(command)}`;

/** `undefined` unless there is an image of this command, made where `key` was the same. */
export function recallExec(
  directory: string,
  command: string,
  key: string,
): RememberedExec | undefined {
  const bytes = glanceBytes(pathOf(directory, command));
  if (bytes === undefined || bytes.length < HEAD_BYTES) return undefined;
  const head = new DataView(bytes.buffer, 0, HEAD_BYTES);
  const keyEnd = HEAD_BYTES + head.getUint32(8, true);
  const summaryEnd = keyEnd + head.getUint32(12, true);
  if (bytes.length !== summaryEnd + head.getUint32(16, true)) return undefined;
  const text = (from: number, to: number): string => decoder.decode(bytes.subarray(from, to));
  if (text(0, 8) !== MAGIC || text(HEAD_BYTES, keyEnd) !== key) return undefined;
  // Who else can write there may have planted it.
  if (!isPrivateDirectory(directory)) return undefined;
  return {
    summary: JSON.parse(text(keyEnd, summaryEnd)) as Summary,
    image: bytes.subarray(summaryEnd),
  };
}

/** Keeps the image of a command. Gives the reason when it could not; that is no error. */
export function rememberExec(
  directory: string,
  command: string,
  known: RememberedExec & { readonly key: string },
): string | undefined {
  const others = listDirectory(directory).filter(({ name }) => name.startsWith(PREFIX));
  if (others.length >= COMMANDS_MAX) {
    for (const { name } of others) callSync(unlinkat({ pathname: `${directory}/${name}` }));
  }
  const key = encoder.encode(known.key);
  const summary = encoder.encode(JSON.stringify(known.summary));
  const { image } = known;
  const bytes = new Uint8Array(HEAD_BYTES + key.length + summary.length + image.length);
  bytes.set(encoder.encode(MAGIC));
  const head = new DataView(bytes.buffer);
  head.setUint32(8, key.length, true);
  head.setUint32(12, summary.length, true);
  head.setUint32(16, image.length, true);
  bytes.set(key, HEAD_BYTES);
  bytes.set(summary, HEAD_BYTES + key.length);
  bytes.set(image, HEAD_BYTES + key.length + summary.length);
  return replaceFile(pathOf(directory, command), bytes);
}
