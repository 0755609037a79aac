/** The standard streams of a container that outlives its runner: pipes with names, so that a keeper or a caller can come later. */
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { S_IFIFO } from "../../ffi/abi/stat.ts";
import { openat } from "../../ffi/calls/open.ts";
import { mknodat, unlinkat } from "../../ffi/calls/path.ts";
import { callSync, check } from "../../ffi/linux/run.ts";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { ContainerPlaces } from "../state/places.ts";

/**
 * The three streams, and the ends of two that the keeper reads. With a terminal the stage has the streams: there are no errors, and
 * in their place it gets what it is told by.
 */
export function openStreams(
  places: ContainerPlaces,
  { stdin, tty }: Pick<DesiredContainer, "stdin" | "tty">,
  take: (fd: number) => number,
): Record<"stdin" | "stdout" | "stderr" | "output" | "errors", number> {
  const output = openNamedPipe(places.output, take, ["output", "stdout"] as const);
  const errors = openNamedPipe(places.errors, take, ["errors", "stderr"] as const);
  return {
    // With nobody there who types it waits, until somebody is.
    stdin: stdin
      ? take(openBothEnds(places.input))
      : take(check(openat({ pathname: "/dev/null", flags: O_RDONLY | O_CLOEXEC }))),
    ...output,
    ...errors,
    ...(tty ? { stderr: take(openBothEnds(places.control)) } : {}),
  };
}

/** A new pipe with a name, open for reading and writing: it has no end. */
function openBothEnds(pathname: string): number {
  // Of its own at every start: what a former one left in it is not this one's.
  callSync(unlinkat({ pathname, flags: 0 }));
  check(mknodat({ pathname, mode: S_IFIFO | 0o600, dev: 0 }));
  return check(openat({ pathname, flags: O_RDWR | O_CLOEXEC }));
}

/**
 * A pipe with a name, so that another keeper can go on reading should the first be lost. The container's end is open for both:
 * while it runs it never gets EPIPE for want of a reader.
 */
function openNamedPipe<Read extends string, Write extends string>(
  pathname: string,
  take: (fd: number) => number,
  [read, write]: readonly [Read, Write],
): Record<Read | Write, number> {
  const writing = take(openBothEnds(pathname));
  const reading = take(check(openat({ pathname, flags: O_RDONLY | O_NONBLOCK | O_CLOEXEC })));
  return { [read]: reading, [write]: writing } as Record<Read | Write, number>;
}
