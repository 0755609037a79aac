/** `containerv attach`: the output of a detached container here, and what is typed here there. */
import { writeSync } from "node:fs";
import { attach, type Attached } from "../lifecycle/attach.ts";
import { keepAgain } from "../lifecycle/keep_again.ts";
import { holdTerminal, makeRaw } from "../lifecycle/terminal.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stderr } from "./output.ts";
import { meantContainers } from "./project.ts";

/** ^P ^Q, as other runtimes have it. */
const DETACH_KEYS = [0x10, 0x11] as const;

export async function command(given: Arguments): Promise<number> {
  if (given.operands.length !== 1) throw new UsageError("name one container");
  const [view] = meantContainers(given);
  if (view === undefined) throw new UsageError("name one container");
  await keepAgain([view]);
  const attached = attach(view, (stream, bytes) => writeAll(stream === "stderr" ? 2 : 1, bytes));
  if (attached.input === undefined) {
    stderr(`${view.name} gets no input: it was started without \`stdin: true\` or \`tty: true\`\n`);
  }
  const release = attached.input === undefined ? () => {} : passInput(attached);
  try {
    const status = await attached.ended;
    if (status === undefined) stderr(`\r\ndetached: ${view.name} runs on\n`);
    return status ?? 0;
  } finally {
    release();
  }
}

/** Keys come one by one where the container has a terminal; the result ends that. */
function passInput(attached: Attached): () => void {
  const { input, terminal, resize } = attached;
  const writer = input?.getWriter();
  const { stdin, stdout } = process;
  const raw = terminal && stdin.isTTY === true;
  const letGo = raw ? holdTerminal() : () => {};
  const send = (bytes: Uint8Array): void => {
    // A container that has ended meanwhile reads no more: its end is told.
    writer?.write(bytes).catch(() => {});
  };
  const keys = raw ? detachable(send, attached.leave) : send;
  const size = (): void => {
    const { columns, rows } = stdout;
    if (columns > 0 && rows > 0) resize({ columns, rows });
  };
  if (raw) {
    makeRaw();
    size();
    process.on("SIGWINCH", size);
  }
  stdin.on("data", keys);
  return () => {
    process.off("SIGWINCH", size);
    stdin.off("data", keys);
    stdin.pause();
    letGo();
  };
}

/** Passes keys on but the two that end it. */
function detachable(
  send: (bytes: Uint8Array) => void,
  leave: () => void,
): (bytes: Uint8Array) => void {
  const [first, second] = DETACH_KEYS;
  let held = false;
  return (bytes) => {
    const passed: number[] = [];
    for (const key of bytes) {
      if (held && key === second) {
        leave();
        break;
      }
      if (held) passed.push(first);
      held = key === first;
      if (!held) passed.push(key);
    }
    if (passed.length > 0) send(Uint8Array.from(passed));
  };
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}
