/** The keeper's program on the simulator: what it starts, writes and ends, against a made-up kernel. */
import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { EMFILE, ENOENT } from "../../../../ffi/abi/errno.ts";
import {
  ANSWER,
  ENDINGS_FD,
  LISTEN_FD,
  LOST_NANOSECONDS,
  MESSAGE,
  START_FDS,
} from "../../../../runtime/plan/keeper/protocol.ts";
import {
  CLIENT,
  ERRORS,
  type Event,
  FIRST_SENT,
  heldMessage,
  OUTPUT,
  play,
  SENT,
  START,
  startMessage,
  TIMER,
} from "../support/keeper_world.ts";

describe("keeper", () => {
  test("says that it is ready, and ends when nobody is connected and nothing is kept", () => {
    const { stop, answers } = play([]);
    assertEquals(stop, { stop: "exit", status: 0 });
    assertEquals(answers, [{ kind: ANSWER.ready, value: 99 }]);
  });

  test("starts a stage with its descriptors at their numbers, and has none of them left", () => {
    const { answers, child, calls } = play([START, { on: "signals", ended: 700 }]);
    assertEquals(answers[1], { kind: ANSWER.start, value: 700 });
    const at = (name: typeof START_FDS[number]) => FIRST_SENT + START_FDS.indexOf(name);
    assertEquals(child.filter((call) => call.startsWith("dup3")), [
      `dup3 ${at("stdin")} 0`,
      `dup3 ${at("stdout")} 1`,
      `dup3 ${at("stderr")} 2`,
      `dup3 ${at("control")} 3`,
      `dup3 ${at("report")} 4`,
      `dup3 ${at("announce")} 5`,
      `dup3 ${at("plan")} 6`,
    ]);
    assertEquals(child.at(-1)?.split(" ").slice(0, 2), ["execveat", String(at("image"))]);
    for (const fd of SENT) {
      assert(calls.some((call) => call.startsWith(`close ${fd} `)), `${fd} is open`);
    }
  });

  test("hands on what is for the container alone", () => {
    const message = startMessage({ passed: 2 });
    const { child, calls } = play([
      { on: CLIENT, message, fds: [...SENT, 90, 91] },
      { on: "signals", ended: 700 },
    ]);
    assert(child.includes("dup3 90 7") && child.includes("dup3 91 8"));
    for (const fd of [90, 91]) assert(calls.some((call) => call.startsWith(`close ${fd} `)));
  });

  test("holds roots under their names until they are released, in whatever order", () => {
    const { answers, given, calls, stop } = play([
      heldMessage(MESSAGE.hold, "aaaaaaaa", [90, 91]),
      heldMessage(MESSAGE.hold, "bbbbbbbb", [92, 93]),
      heldMessage(MESSAGE.hold, "aaaaaaaa", [94, 95]),
      heldMessage(MESSAGE.give, "aaaaaaaa"),
      heldMessage(MESSAGE.release, "aaaaaaaa"),
      heldMessage(MESSAGE.give, "aaaaaaaa"),
      heldMessage(MESSAGE.give, "bbbbbbbb"),
      heldMessage(MESSAGE.release, "bbbbbbbb"),
      heldMessage(MESSAGE.release, "bbbbbbbb"),
    ]);
    assertEquals(answers.slice(1).map(({ kind, value }) => [kind, value]), [
      [ANSWER.hold, 0],
      [ANSWER.hold, 0],
      [ANSWER.hold, 0],
      [ANSWER.give, 0],
      [ANSWER.release, 0],
      [ANSWER.give, -ENOENT],
      [ANSWER.give, 0],
      [ANSWER.release, 0],
      [ANSWER.release, 0],
    ]);
    assertEquals(given, [94, 95, 92, 93]);
    const closed = calls.filter((call) => /^close 9[0-5] /.test(call));
    assertEquals(closed.map((call) => call.split(" ")[1]), ["90", "91", "94", "95", "92", "93"]);
    assertEquals(stop, { stop: "exit", status: 0 });
  });

  test("starts what copies outputs, once, when a container whose root it holds has ended", () => {
    const held = [START, heldMessage(MESSAGE.hold, "aaaaaaaa", [90, 91])];
    const release = heldMessage(MESSAGE.release, "aaaaaaaa");
    const started = (events: readonly Event[]) =>
      play(events).child.filter((call) => call.startsWith("execve ")).length;
    const ended: Event = { on: "signals", ended: 700 };
    assertEquals(started([...held, ended, { on: "signals", ended: 700 }, release]), 1);
    assertEquals(started([...held, { on: "signals", ended: 701 }, release, ended]), 0);
  });

  test("a message with too few descriptors ends the connection and starts nothing", () => {
    const { stop, answers, child, calls } = play([
      { on: CLIENT, message: startMessage(), fds: [50, 51] },
    ]);
    assertEquals([stop.status, answers.length, child], [0, 2, []]);
    assertEquals(answers[1], { kind: ANSWER.failed, value: EMFILE });
    // At the limit of open files some arrive: they are not kept.
    for (const fd of [50, 51]) assert(calls.some((call) => call.startsWith(`close ${fd} `)));
  });

  test("each connection is greeted: one that is not has no keeper any more", () => {
    const { answers, calls } = play([{ on: BigInt(LISTEN_FD) }], { uid: 0 });
    const ready = { kind: ANSWER.ready, value: 99 };
    assertEquals(answers, [ready, ready]);
    assert(calls.some((call) => call.startsWith("sendto 60 ")));
  });

  test("a connection of another user is closed", () => {
    const listen = { on: BigInt(LISTEN_FD) };
    const closed = (calls: readonly string[]) => calls.some((call) => call.startsWith("close 60 "));
    const refused = play([listen], { uid: 1001 });
    assert(closed(refused.calls) && !refused.calls.some((call) => call.startsWith("recvmsg 60 ")));
    for (const uid of [0, 1000]) {
      assert(play([listen], { uid }).calls.some((call) => call.startsWith("recvmsg 60 ")));
    }
  });

  test("output becomes frames with their stream; both pipes at their end free the log", () => {
    const { frames } = play([
      START,
      { on: OUTPUT, output: "hello\n" },
      { on: ERRORS, output: "oh" },
      { on: "signals", ended: 700 },
    ]);
    assertEquals(frames, [
      { stream: 1, lost: 0n, text: "hello\n" },
      { stream: 2, lost: 0n, text: "oh" },
    ]);
  });

  test("what finds no room is counted: the log's time says so, and the next frame", () => {
    const { frames, calls, losses } = play([
      START,
      { on: OUTPUT, output: "lost" },
      { on: ERRORS, output: "too" },
      { on: OUTPUT, output: "kept" },
      { on: OUTPUT, output: "more" },
      { on: "signals", ended: 700 },
    ], { fullFor: 2 });
    assertEquals(frames, [
      { stream: 1, lost: 7n, text: "kept" },
      { stream: 1, lost: 0n, text: "more" },
    ]);
    assertEquals(calls.filter((call) => call.startsWith("ftruncate 80")).length, 2);
    const nanoseconds = LOST_NANOSECONDS;
    // The first answer is that there is no such file: it has just been rotated.
    assertEquals(losses, [
      { log: "abcd1234", bytes: 4n, nanoseconds },
      { log: "abcd1234.1", bytes: 4n, nanoseconds },
      { log: "abcd1234", bytes: 7n, nanoseconds },
    ]);
  });

  test("what was lost before it was started is in the next frame too", () => {
    const message = startMessage({ lost: 5 });
    const { frames } = play([
      { on: CLIENT, message, fds: SENT },
      { on: OUTPUT, output: "kept" },
      { on: "signals", ended: 700 },
    ]);
    assertEquals(frames, [{ stream: 1, lost: 5n, text: "kept" }]);
  });

  test("where output is to wait it stays in its pipe until there is room, or it has waited long enough", () => {
    const slow: Event = { on: CLIENT, message: startMessage({ wait: 2 }), fds: SENT };
    const rings: Event = { on: TIMER, output: "" };
    const output = (text: string): Event => ({ on: OUTPUT, output: text });
    const ended: Event = { on: "signals", ended: 700 };
    const waited = play([slow, output("a"), rings, output("a"), ended], { noRoomFor: 1 });
    assertEquals(waited.frames, [{ stream: 1, lost: 0n, text: "a" }]);
    const reads = (calls: readonly string[]) =>
      calls.filter((call) => call.startsWith(`read ${OUTPUT} `)).length;
    // The second is its end.
    assertEquals(reads(waited.calls), 2);
    assertEquals(waited.stop, { stop: "exit", status: 0 });
    // At 100, 101 and 102 s: then it is read, and lost; the next is not waited for, the one after it finds room.
    const events = [output("a"), rings, output("a"), rings, output("a"), output("b"), output("c")];
    const over = play([slow, ...events, ended], { noRoomFor: 4, fullFor: 2 });
    assertEquals(over.frames, [{ stream: 1, lost: 2n, text: "c" }]);
  });

  test("a log at its limit is rotated, the oldest first", () => {
    const message = startMessage({ limit: 40, files: 3 });
    const { renames } = play([
      { on: CLIENT, message, fds: SENT },
      { on: OUTPUT, output: "0123456789" },
      { on: "signals", ended: 700 },
    ]);
    assertEquals(renames, [
      "abcd1234.2 abcd1234.3",
      "abcd1234.1 abcd1234.2",
      "abcd1234 abcd1234.1",
    ]);
  });

  test("an ending is written before the child is reaped, and again when there was no room", () => {
    const once = play([START, { on: "signals", ended: 700 }]);
    assertEquals(once.endings, [700]);
    const write = once.calls.findIndex((call) => call.startsWith(`write ${ENDINGS_FD} `));
    const reap = once.calls.findIndex((call) => call === "waitid 1 700");
    assert(write >= 0 && reap > write);
    const full = play(
      [START, { on: "signals", ended: 700 }, { on: "signals", ended: 700 }],
      { endingsFullFor: 1 },
    );
    assertEquals(full.endings, [700]);
    assertEquals(full.calls.filter((call) => call === "waitid 1 700").length, 1);
  });
});
