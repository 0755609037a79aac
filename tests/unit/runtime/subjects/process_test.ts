import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { CAPABILITIES } from "../../../../ffi/abi/capability.ts";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import {
  compileRights,
  DEFAULT_CAPABILITIES,
  initCapabilities,
  resolveUser,
  userKey,
} from "../../../../runtime/subjects/identity.ts";
import { compileProcesses, hasInit, usersOf } from "../../../../runtime/subjects/process.ts";
import { ANSWERS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { opsOf, planOf, type SpecObject, wanted } from "../support/wanted.ts";

describe("users", () => {
  test("numbers need nobody: the group is the user's number", () => {
    assertEquals(resolveUser({ user: 1000 }, ANSWERS, "default"), {
      uid: 1000,
      gid: 1000,
      groups: [],
      home: "/",
    });
    assertEquals(resolveUser({ user: 0 }, ANSWERS, "default").home, "/root");
    assertEquals(resolveUser({ user: 5, group: 6 }, ANSWERS, "default").gid, 6);
  });

  test("names are what the container's own files said", () => {
    const known = { uid: 33, gid: 34, groups: [4], home: "/var/www" };
    const answers = { ...ANSWERS, users: { "www": known, "5:adm": { ...known, uid: 5 } } };
    assertEquals(resolveUser({ user: "www" }, answers, "/user"), known);
    assertEquals(resolveUser({ user: 5, group: "adm" }, answers, "/user").uid, 5);
    assertEquals([userKey({ user: "www" }), userKey({ user: 5, group: "adm" })], ["www", "5:adm"]);
  });

  test("nobody knows the name: an error at its line", () => {
    for (const user of [{ user: "www" }, { user: 5, group: "adm" }]) {
      const error = assertThrows(() => resolveUser(user, ANSWERS, "/user"), HostError);
      assertEquals([error.code, error.origin], ["NO_SUCH_USER", "/user"]);
    }
  });

  test("a command's own user comes before the container's", () => {
    const container = wanted({
      user: "7:8",
      commands: [["a"], { exec: ["b"], user: "1000:100" }],
    });
    assertEquals(usersOf(container, ANSWERS).map(({ uid, gid }) => [uid, gid]), [
      [7, 8],
      [1000, 100],
    ]);
  });
});

describe("capabilities", () => {
  const rightsOf = (policy: unknown, host = HOST_V2) =>
    compileRights(wanted(policy === undefined ? {} : { policy }), host);

  test("the default set, as far as this process and this kernel have it", () => {
    assertEquals(rightsOf(undefined), { bounding: DEFAULT_CAPABILITIES, explicit: false });
    const bounding = 1n << BigInt(CAPABILITIES.CHOWN) | 1n << BigInt(CAPABILITIES.KILL);
    assertEquals(rightsOf(undefined, { ...HOST_V2, bounding: bounding.toString(16) }).bounding, [
      "CHOWN",
      "KILL",
    ]);
    assertEquals(rightsOf(undefined, { ...HOST_V2, lastCapability: 0 }).bounding, ["CHOWN"]);
  });

  test("asked for by name: these and no others, or an error", () => {
    const policy = { preset: "none", capabilities: ["NET_RAW", "CHOWN"] };
    assertEquals(rightsOf(policy), { bounding: ["NET_RAW", "CHOWN"], explicit: true });
    assertEquals(rightsOf({ preset: "none", capabilities: [] }).bounding, []);
    const error = assertThrows(() => rightsOf(policy, { ...HOST_V2, bounding: "1" }), HostError);
    assertEquals([error.code, error.origin], ["CAPABILITY_MISSING", "/policy/capabilities"]);
  });

  test("PID 1 has besides what it takes to become another user, each once", () => {
    const own = initCapabilities({ bounding: ["CHOWN", "SETUID"], explicit: true });
    assertEquals([...own].sort(), ["CHOWN", "KILL", "SETGID", "SETPCAP", "SETUID"]);
  });

  const identityOf = (spec: SpecObject, host = HOST_V2) => {
    const [op] = opsOf(planOf(spec, { host }), "identity").slice(-1);
    return op && { capabilities: op.capabilities, ambient: op.ambient, groups: op.groups };
  };

  test("root keeps them, another user only those that were asked for, as ambient", () => {
    assertEquals(identityOf({}), {
      capabilities: DEFAULT_CAPABILITIES,
      ambient: false,
      groups: [],
    });
    assertEquals(identityOf({ user: 1000 })?.capabilities, []);
    const policy = { preset: "none", capabilities: ["NET_RAW"] };
    assertEquals(identityOf({ user: 1000, policy }), {
      capabilities: ["NET_RAW"],
      ambient: true,
      groups: [],
    });
    assertEquals(identityOf({ policy })?.ambient, false);
  });

  test("in a user namespace of one id setgroups is left out", () => {
    assertEquals(identityOf({}, HOST_USER)?.groups, undefined);
  });
});

describe("processes", () => {
  const opsFor = (spec: SpecObject, host = HOST_V2) =>
    compileProcesses(wanted(spec), host, ANSWERS);

  test("one command without init: five operations, in this order", () => {
    assertEquals(opsFor({}).map(({ kind, where }) => `${where} ${kind}`), [
      "process session",
      "process bound",
      "process workdir",
      "process identity",
      "process execute",
    ]);
  });

  test("with init: PID 1 gives up rights first, then a command after the other", () => {
    const ops = opsFor({ commands: [["a"], ["b"]] });
    assertEquals(ops.slice(0, 4).map(({ kind, where }) => `${where} ${kind}`), [
      "container bound",
      "container identity",
      "container command",
      "container command",
    ]);
    assertEquals(ops.slice(4).map(({ command }) => command), [
      ...Array(5).fill(0),
      ...Array(5).fill(1),
    ]);
    const commands = ops.flatMap((op) => op.kind === "command" ? [[op.index, op.last]] : []);
    assertEquals(commands, [[0, false], [1, true]]);
  });

  test("init: asked for, or needed by several commands", () => {
    assertEquals(hasInit(wanted()), false);
    assertEquals(hasInit(wanted({ init: true })), true);
    assertEquals(hasInit({ ...wanted({ commands: [["a"], ["b"]] }), init: false }), true);
  });

  test("who waits for execve waits for the first command only", () => {
    const plan = planOf({ commands: [["a"], ["b"]] }, { answers: { announce: true } });
    assertEquals(opsOf(plan, "command").map(({ announce }) => announce), [true, false]);
    assertEquals(opsOf(plan, "prepare")[0]?.announce, true);
    assertEquals(opsOf(plan, "clone")[0]?.announce, true);
  });

  test("a time limit: the command's with init, the stage's without", () => {
    const timed = { exec: ["a"], timeout: "1500ms" };
    const alone = planOf({ commands: [timed] });
    const [watch] = opsOf(alone, "watch");
    assertEquals([watch?.timeoutMs, watch?.origin], [1500, "/commands/0/timeout"]);
    const both = planOf({ commands: [timed, ["b"]] });
    assertEquals(opsOf(both, "watch")[0]?.timeoutMs, undefined);
    assertEquals(opsOf(both, "command").map(({ timeoutMs }) => timeoutMs), [1500, undefined]);
  });

  test("no_new_privs always, and the bounding set of all that is not kept", () => {
    for (const op of opsFor({ commands: [["a"], ["b"]] })) {
      if (op.kind !== "bound") continue;
      assertEquals([op.noNewPrivileges, op.last], [true, 40]);
    }
  });
});

describe("execute", () => {
  const executeOf = (spec: SpecObject) => {
    const [op] = opsOf(planOf(spec), "execute");
    assert(op !== undefined);
    return op;
  };

  test("a text runs in the shell", () => {
    assertEquals(executeOf({ commands: ["echo a"] }).argv, ["/bin/sh", "-ec", "echo a"]);
  });

  test("a name is sought along PATH, a path is taken as it is", () => {
    assertEquals(executeOf({ commands: [["./x"]] }).candidates, ["./x"]);
    assertEquals(executeOf({ commands: [["make"]] }).candidates[0], "/usr/local/sbin/make");
    const own = { commands: [["make"]], environment: { PATH: "/a::/b" } };
    assertEquals(executeOf(own).candidates, ["/a/make", "make", "/b/make"]);
  });

  test("environment: defaults, then the container's, then the command's", () => {
    const { environment } = executeOf({
      environment: { A: "1", B: "1" },
      commands: [{ exec: ["x"], environment: { B: "2", HOME: "/h" } }],
    });
    assertEquals(environment.toSorted(), [
      "A=1",
      "B=2",
      "HOME=/h",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]);
    assert(executeOf({}).environment.includes("HOME=/root"));
  });

  test("an empty command never reaches a plan", () => {
    const container = wanted();
    const [command] = container.commands;
    assert(command !== undefined);
    const empty = { ...container, commands: [{ ...command, exec: [] }] };
    const error = assertThrows(() => compileProcesses(empty, HOST_V2, ANSWERS), HostError);
    assertEquals([error.code, error.origin], ["EMPTY_COMMAND", "/commands/0"]);
  });
});
