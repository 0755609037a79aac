import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadObject, loadSpec } from "../../../../spec/load.ts";
import { codesOf, containerOf, desiredOf, load } from "./load_from.ts";

test("the smallest spec has every default", () => {
  assertEquals(desiredOf('commands: ["echo hello"]\n'), {
    project: "web",
    containers: [{
      name: "web",
      rootfs: {
        layers: [{ kind: "host", host: "system", at: "/", origin: "default" }],
        writable: { kind: "tmpfs" },
      },
      commands: [{
        exec: ["/bin/sh", "-ec", "echo hello"],
        shell: true,
        once: false,
        origin: "/commands/0",
      }],
      environment: {},
      workdir: "/",
      volumes: [],
      secrets: [],
      hostname: "web",
      labels: {},
      user: { user: 0 },
      userns: "default",
      join: {},
      init: false,
      tty: false,
      stdin: false,
      process: { groups: [], umask: 0o022 },
      sysctls: [],
      limits: { pidsIsDefault: false },
      network: { mode: "none" },
      policy: { presets: ["build", "network"], isDefault: true },
      stop: { signal: "SIGTERM", graceMs: 10_000 },
      logs: { maxBytes: 10_485_760, maxFiles: 3 },
      inputs: [],
      outputs: [],
      dependsOn: [],
      restart: { policy: "no", backoffMs: 1000 },
      update: "stopFirst",
      profiles: [],
      origins: { commands: "/commands" },
    }],
  });
});

const WHOLE = `
name: shop
rootfs:
  layers: [{host: system}, {dir: ./site/../www, at: /srv//x/}, {dir: /opt}]
  writable: {tmpfs: 1GiB}
commands:
  - [make, config]
  - {name: build, exec: [make, -j2], timeout: 10m, workdir: /b/, user: "1:2", environment: {A: b}, once: true}
  - {shell: "test -s x"}
environment: {LANG: C.UTF-8, PORT: "80"}
workdir: /build
hostname: h.example
labels: {team: web}
user: nobody:nogroup
userns: host
init: false
tty: false
stdin: true
limits: {cpu: 1.5, memory: 64MiB, pids: 16}
network: {mode: host}
policy: {preset: none, capabilities: [cap_net_raw, SYS_ADMIN]}
stop: {signal: int, grace: 1m30s}
platform: linux
onUnsupported: error
x-own: {a: 0}
`;

test("a whole spec", () => {
  const container = containerOf(WHOLE);
  assertEquals(container, {
    name: "shop",
    rootfs: {
      layers: [
        { kind: "host", host: "system", at: "/", origin: "/rootfs/layers/0" },
        { kind: "dir", dir: "/project/www", at: "/srv/x", origin: "/rootfs/layers/1" },
        { kind: "dir", dir: "/opt", at: "/", origin: "/rootfs/layers/2" },
      ],
      writable: { kind: "tmpfs", sizeBytes: 1024 ** 3 },
    },
    commands: [
      { exec: ["make", "config"], shell: false, once: false, origin: "/commands/0" },
      {
        exec: ["make", "-j2"],
        shell: false,
        once: true,
        origin: "/commands/1",
        name: "build",
        workdir: "/b",
        user: { user: 1, group: 2 },
        environment: { A: "b" },
        timeoutMs: 600_000,
      },
      { exec: ["/bin/sh", "-ec", "test -s x"], shell: true, once: false, origin: "/commands/2" },
    ],
    environment: { LANG: "C.UTF-8", PORT: "80" },
    workdir: "/build",
    volumes: [],
    secrets: [],
    hostname: "h.example",
    labels: { team: "web" },
    user: { user: "nobody", group: "nogroup" },
    userns: "host",
    join: {},
    init: false,
    tty: false,
    stdin: true,
    process: { groups: [], umask: 0o022 },
    sysctls: [],
    limits: { cpus: 1.5, memoryBytes: 64 * 1024 ** 2, pids: 16, pidsIsDefault: false },
    network: { mode: "host" },
    policy: { presets: [], isDefault: false, capabilities: ["NET_RAW", "SYS_ADMIN"] },
    stop: { signal: "SIGINT", graceMs: 90_000 },
    logs: { maxBytes: 10_485_760, maxFiles: 3 },
    inputs: [],
    outputs: [],
    dependsOn: [],
    restart: { policy: "no", backoffMs: 1000 },
    update: "stopFirst",
    profiles: [],
    origins: container.origins,
  });
  assertEquals(container.origins["limits/memory"], "/limits/memory");
  assertEquals(container.origins["x-own"], undefined);
});

test("a terminal brings its input and a PID 1 of ours with it, unless the spec says otherwise", () => {
  const of = (text: string) => {
    const { tty, stdin, init } = desiredOf(`commands: [[sh]]\n${text}`).containers[0] ?? {};
    return { tty, stdin, init };
  };
  assertEquals(of("tty: true"), { tty: true, stdin: true, init: true });
  assertEquals(of("tty: true\nstdin: false\ninit: false"), {
    tty: true,
    stdin: false,
    init: false,
  });
  assertEquals(of("tty: false"), { tty: false, stdin: false, init: false });
});

describe("one container below `containers:`", () => {
  const text = "name: shop\ncontainers:\n  web:\n    commands: [[a]]\n    limits: {pids: 9}\n";
  test("has its own name, its project's is beside it", () => {
    const { project, containers } = desiredOf(text);
    const [web] = containers;
    assertEquals([project, web?.name, web?.hostname], ["shop", "web", "web"]);
    assertEquals(web?.origins["limits/pids"], "/containers/web/limits/pids");
    assertEquals(web?.commands[0]?.origin, "/containers/web/commands/0");
  });
  test("and its places", () => {
    const place = load(text).places["/containers/web/limits/pids"];
    assertEquals([place?.line, place?.column], [5, 14]);
  });
  test("several keep the order of the file", () => {
    const { containers } = desiredOf("containers: {b: {commands: [b]}, a: {commands: [d]}}");
    assertEquals(containers.map(({ name, hostname }) => [name, hostname]), [["b", "b"], [
      "a",
      "a",
    ]]);
  });
  test("not beside the keys of a container", () => {
    assertEquals(codesOf("containers: {a: {commands: [b]}}\nuser: 1\nhostname: x\n"), [
      "MIXED_FORMS /user",
      "MIXED_FORMS /hostname",
    ]);
  });
  test("its name is checked", () => {
    assertEquals(codesOf("containers: {A: {commands: [b]}}"), ["BAD_KEY /containers/A"]);
  });
  test("none, or no map, is an error", () => {
    assertEquals(codesOf("containers: {}"), ["EMPTY_VALUE /containers"]);
    assertEquals(codesOf("containers: [a]"), ["WRONG_TYPE /containers"]);
    assertEquals(codesOf("containers: {a: }"), ["NO_VALUE /containers/a"]);
    assertEquals(codesOf("containers: {a: [b]}"), ["WRONG_TYPE /containers/a"]);
  });
});

describe("commands", () => {
  test("absent: it waits", () => assertEquals(desiredOf("user: 0\n").containers[0]?.commands, []));
  test("absent because another word stands there: only that word", () => {
    assertEquals(load("command: a\n").diagnostics.map(({ code }) => code), ["UNKNOWN_KEY"]);
  });
  test("init is on for several", () => {
    assertEquals([containerOf("commands: [a]").init, containerOf("commands: [a, b]").init], [
      false,
      true,
    ]);
    assertEquals(containerOf("commands: [a, b]\ninit: false").init, false);
  });
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["commands: []", ["EMPTY_VALUE /commands"]],
    ["commands: [[]]", ["EMPTY_VALUE /commands/0"]],
    ["commands: ['']", ["EMPTY_VALUE /commands/0"]],
    ["commands: [['']]", ["EMPTY_PROGRAM /commands/0/0"]],
    ["commands: [{exec: ['']}]", ["EMPTY_PROGRAM /commands/0/exec/0"]],
    ["commands: [{exec: [a], shell: b}]", ["CONTRADICTION /commands/0"]],
    ["commands: [{name: a}]", ["MISSING_KEY /commands/0"]],
    ["commands: [{args: [a]}]", ["CONTRADICTION /commands/0/args"]],
    ["commands: [{name: a, shell: b}, {name: a, shell: b}]", ["DUPLICATE_NAME /commands/1/name"]],
    ["commands: [[sleep, 5]]", ["WRONG_TYPE /commands/0/1"]],
    ["commands: [make, -j2]", ["OPTION_AS_COMMAND /commands/1"]],
    ["commands: [{shell: a, timeout: 5}]", ["WRONG_TYPE /commands/0/timeout"]],
    ["commands: [{shell: a, timeout: 99d}]", ["BAD_DURATION /commands/0/timeout"]],
    ["commands: [{shell: a, environment: {A: 1}}]", ["WRONG_TYPE /commands/0/environment/A"]],
    ["commands: [{shell: a, user: '01'}]", ["BAD_USER /commands/0/user"]],
    ["commands: [{shel: a}]", ["UNKNOWN_KEY /commands/0/shel"]],
  ];
  for (const [text, want] of table) test(text, () => assertEquals(codesOf(text), want));
});

describe("the caller's command", () => {
  const replace = (text: string, command: readonly string[]) =>
    loadSpec({ text, file: "web.yaml", directory: "/project", command });
  const said = { exec: ["ls", "-l"], shell: false, once: false, origin: "command line" };
  test("replaces the last", () => {
    const { desired } = replace("commands: [a, b]\n", ["ls", "-l"]);
    assertEquals(desired?.containers[0]?.commands.map(({ exec }) => exec), [
      ["/bin/sh", "-ec", "a"],
      ["ls", "-l"],
    ]);
    assertEquals(desired?.containers[0]?.commands[1], said);
  });
  test("stands in for commands that are absent", () => {
    const { desired } = replace("user: 0\n", ["ls", "-l"]);
    assertEquals(desired?.containers[0]?.commands, [said]);
  });
  for (const command of [[], [""], ["a\0"], ["a", "\ud800"]]) {
    test(`is refused: ${JSON.stringify(command)}`, () => {
      assertEquals(replace("user: 0\n", command).desired, undefined);
    });
  }
});

describe("names", () => {
  const nameOf = (file: string) =>
    loadSpec({ text: "commands: [a]\n", file, directory: "/" }).desired?.project;
  const table: readonly (readonly [string, string])[] = [
    ["web.yaml", "web"],
    ["/a/b/Web App.YML", "web-app"],
    ["01-hello.yaml", "01-hello"],
    ["a.b.json", "a.b"],
    ["-", "container"],
    ["<stdin>", "stdin-"],
    [".yaml", "container"],
    ["été.yaml", "t-"],
    [`${"x".repeat(100)}.yaml`, "x".repeat(63)],
    ["C:\\specs\\db.yaml", "db"],
  ];
  for (const [file, want] of table) {
    test(`${file.slice(0, 30)} → ${want.slice(0, 20)}`, () => assertEquals(nameOf(file), want));
  }
});

describe("loadObject()", () => {
  const options = { name: "box", directory: "/project" };
  test("takes the same words", () => {
    const object = loadObject(
      { commands: [["true"]], limits: { memory: "64MiB", pids: 16 } },
      options,
    );
    assertEquals(object.diagnostics, []);
    assertEquals(object.places, {});
    assertEquals(object.desired?.containers[0]?.limits, {
      memoryBytes: 67108864,
      pids: 16,
      pidsIsDefault: false,
    });
    assertEquals(object.desired?.project, "box");
  });
  test("refuses by pointer, without places", () => {
    const { desired, diagnostics } = loadObject({
      commands: ["a"],
      limits: { memory: 64 },
      user: "01",
    }, options);
    assertEquals(desired, undefined);
    assertEquals(diagnostics.map(({ code, pointer, place }) => [code, pointer, place]), [
      ["WRONG_TYPE", "/limits/memory", undefined],
      ["BAD_USER", "/user", undefined],
    ]);
  });
  test("a name that is none", () => {
    const { diagnostics } = loadObject({ commands: ["a"] }, { ...options, name: "My Box" });
    assertEquals(diagnostics.map(({ code, fix }) => [code, fix]), [["BAD_VALUE", "name: my-box"]]);
  });
  test("what is no map", () => {
    assertEquals(loadObject(7, options).diagnostics.map(({ code }) => code), ["WRONG_TYPE"]);
  });
  test("the result is plain JSON", () => {
    const { desired } = loadObject({ commands: ["a"] }, options);
    assert(desired !== undefined);
    assertEquals(JSON.parse(JSON.stringify(desired)), desired);
  });
});
