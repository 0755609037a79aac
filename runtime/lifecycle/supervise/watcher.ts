/**
 * What `up -d --watch` leaves to the supervisor: when a file of the spec changes it says `up` again, in a process of its own, which ends
 * this supervisor and starts the next one. A spec that is wrong ends nobody: it is looked at again when it changes.
 */
import { O_CLOEXEC, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { awaitChild } from "../../../ffi/linux/children.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { fileVersion, replaceFile } from "../../../ffi/linux/file.ts";
import type { ProjectPlaces } from "../../state/places.ts";
import { watchWords } from "../../state/supervised.ts";
import { createBell } from "../bell.ts";
import { watchFiles } from "../spec_changes.ts";
import { spawnSelf } from "./launch.ts";

/** How `up` is said again. */
export interface WatchOrder {
  /** The words of the command, with absolute paths. */
  readonly args: readonly string[];
  /** Values of variables, which were given to the first. */
  readonly variables: Readonly<Record<string, string>>;
  /** Absolute path of each file that the spec is made of → which version of it was read; `null`: it was not there. */
  readonly files: Readonly<Record<string, string | null>>;
}

/** What a file is by now, for a WatchOrder. */
export const versionOf = (file: string): string | null => fileVersion(file)?.text ?? null;

/** Looks at the files until it is disposed of. */
export function watchSpec(
  places: ProjectPlaces,
  { args, variables, files }: WatchOrder,
): { readonly [Symbol.dispose]: () => void } {
  const bell = createBell();
  const changes = watchFiles(bell.ring);
  changes.add(Object.keys(files));
  let closed = false;
  const follow = async (): Promise<void> => {
    // One that changed between its reading and our coming counts too.
    let isDue = Object.entries(files).some(([file, version]) => versionOf(file) !== version);
    while (!closed) {
      if (!isDue && !changes.isPending()) await bell.wait();
      if (closed) return;
      isDue = false;
      await changes.settled();
      await sayUp(places, args, variables);
    }
  };
  follow().catch((error: unknown) => {
    replaceFile(watchWords(places), `error: it is watched no more: ${String(error)}\n`);
  });
  return {
    [Symbol.dispose]() {
      closed = true;
      changes[Symbol.dispose]();
      bell.ring();
    },
  };
}

/** Comes back when it has ended without ending us. */
async function sayUp(
  places: ProjectPlaces,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  using output = Fd.open(openat({ pathname: watchWords(places), flags, mode: 0o600 }));
  await awaitChild(spawnSelf(args, { output, environment }));
}
