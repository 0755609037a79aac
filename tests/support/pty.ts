/** A terminal such as a user has, made by the test: what is typed, what is shown, its settings and its size. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../../ffi/abi/fcntl.ts";
import { TCGETS, TIOCGPTPEER, TIOCSPTLCK, TIOCSWINSZ } from "../../ffi/abi/ioctl.ts";
import { TERMIOS, WINSIZE } from "../../ffi/abi/termbits.ts";
import { write } from "../../ffi/calls/io.ts";
import { ioctl } from "../../ffi/calls/ioctl.ts";
import { openat } from "../../ffi/calls/open.ts";
import { fchown } from "../../ffi/calls/path.ts";
import { Fd } from "../../ffi/linux/fd.ts";
import { readOnce, waitForFd } from "../../ffi/linux/poll.ts";
import { check, readCell, writeCell } from "../../ffi/linux/run.ts";
import { PATIENCE } from "./cli.ts";

export interface Pty {
  /** Starts a program on it. */
  readonly run: (
    argv: readonly string[],
    options?: {
      readonly cwd?: string;
      readonly env?: Readonly<Record<string, string | undefined>>;
    },
  ) => PtyProgram;
  readonly type: (text: string) => void;
  /** Resolves with what was shown since the last call, when it has the text; rejects after 20 s, or `PATIENCE` times as long. */
  readonly until: (text: string) => Promise<string>;
  /** c_iflag, c_oflag, c_cflag, c_lflag. */
  readonly settings: () => readonly number[];
  readonly resize: (size: { readonly columns: number; readonly rows: number }) => void;
  /** The emulator is closed: programs get SIGHUP. */
  readonly hangUp: () => void;
  readonly [Symbol.dispose]: () => void;
}

export interface PtyProgram {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

const LOCK = { cell: "test pty lock", size: 4 } as const;
const SIZE = { cell: "test pty size", size: WINSIZE.size } as const;
const SETTINGS = { cell: "test pty settings", size: TERMIOS.size } as const;
const LIMIT_MS = 20_000 * PATIENCE;

/** `uid`: whose terminal it is, who may open it again by its name; default: the test's. */
export function openPty({ uid = -1 }: { readonly uid?: number } = {}): Pty {
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  const master = Fd.open(openat({ pathname: "/dev/ptmx", flags: flags | O_NONBLOCK }));
  check(ioctl({ fd: master.number, request: TIOCSPTLCK, arg: LOCK }));
  const slave = Fd.open(ioctl({ fd: master.number, request: TIOCGPTPEER, arg: flags }));
  check(fchown({ fd: slave.number, owner: uid, group: -1 }));
  const children: ChildProcess[] = [];
  const resize: Pty["resize"] = ({ columns, rows }) => {
    writeCell(SIZE, new Uint8Array(Uint16Array.of(rows, columns, 0, 0).buffer));
    check(ioctl({ fd: master.number, request: TIOCSWINSZ, arg: SIZE }));
  };
  resize({ columns: 100, rows: 40 });
  let shown = "";
  const take = (): void => {
    while (waitForFd({ fd: master.number, timeoutMs: 0 }) !== 0) {
      shown += new TextDecoder().decode(readOnce({ fd: master.number }));
    }
  };
  return {
    run: (argv, options) => {
      const program = runOn(slave.number, argv, options);
      children.push(program.child);
      return program;
    },
    type: (text) => {
      check(write({ fd: master.number, buf: text }));
    },
    until: async (text) => {
      for (const end = performance.now() + LIMIT_MS; performance.now() < end;) {
        take();
        const at = shown.indexOf(text);
        if (at >= 0) {
          const said = shown.slice(0, at + text.length);
          shown = shown.slice(at + text.length);
          return said;
        }
        await sleep(3);
      }
      throw new Error(`it does not show ${JSON.stringify(text)}: ${JSON.stringify(shown)}`);
    },
    settings: () => {
      check(ioctl({ fd: slave.number, request: TCGETS, arg: SETTINGS }));
      return [...new Uint32Array(readCell(SETTINGS).slice(0, 16).buffer)];
    },
    resize,
    hangUp: () => {
      slave[Symbol.dispose]();
      master[Symbol.dispose]();
    },
    [Symbol.dispose]: () => {
      for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
      slave[Symbol.dispose]();
      master[Symbol.dispose]();
    },
  };
}

function runOn(
  fd: number,
  argv: readonly string[],
  { cwd, env }: NonNullable<Parameters<Pty["run"]>[1]> = {},
): PtyProgram {
  const child = spawn(argv[0] ?? "", argv.slice(1), {
    stdio: [fd, fd, fd],
    detached: true,
    env: { ...process.env, NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
  return {
    child,
    ended: new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal }));
    }),
  };
}
