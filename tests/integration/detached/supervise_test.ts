// runs-under: bun, deno
/** Dependencies, health checks and restarts of a project, and the one supervisor that looks after them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { findTool, missing, root, tool } from "../../support/require.ts";
import { guardWorld, lives, sh, until } from "../cli/sandbox.ts";
import { type Listed, type Project, project, untilAsync } from "./project.ts";

guardWorld();
const skip = missing(root(), tool("perl"));

/** Answers so many connections with these words, and no more; ends as it should when it is told to. */
function server(port: number, answer: string, times = 1e9): readonly string[] {
  const script = `use IO::Socket::INET; $SIG{TERM} = sub { exit 0 };
    my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => ${port}, Listen => 5, ReuseAddr => 1) or die;
    while (my $c = $s->accept) { my $l = <$c>; print $c "${answer}"; close $c; last if ++$n >= ${times}; }
    close $s; sleep 60;`;
  return ["perl", "-e", script];
}

const OK = "HTTP/1.0 204 No Content\\r\\n\\r\\n";
const BASE = { policy: "none" };
const QUICK = { interval: "100ms", timeout: "5s", retries: 2 };
/** However long perl takes on this machine. */
const COMES_UP = { ...QUICK, startPeriod: "60s" };

/** Pid of the project's supervisor, if there is a record of one. */
function supervisorOf(of: Project): number | undefined {
  const path = `${of.state()}/supervisor.json`;
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).pid as number : undefined;
}

async function one(of: Project, name: string): Promise<Listed | undefined> {
  return (await of.ps()).find((listed) => listed.name === name);
}

describe("what depends on others", { skip }, () => {
  test("comes after them: healthy, completed, started; up waits, ps says how they are", async () => {
    await using shop = project({
      containers: {
        web: { ...BASE, commands: [["true"]], dependsOn: { migrate: "completed" } },
        migrate: { ...BASE, commands: [sh("sleep 0.2; echo migrated")], dependsOn: ["db"] },
        db: {
          ...BASE,
          commands: [server(5432, OK)],
          healthcheck: { http: { port: 5432, path: "/ready" }, ...COMES_UP },
        },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertMatch(
      up.stderr,
      /^✔ db healthy .*\n✔ migrate .*\n✔ web .*\nsupervisor \d+ \(health\)\n$/,
    );
    const started = new Map<string, number>();
    for (const name of ["db", "migrate", "web"]) {
      const text = readFileSync(`${shop.state()}/containers/${name}/record.json`, "utf8");
      started.set(name, JSON.parse(text).started as number);
    }
    assertGreater(started.get("migrate") ?? 0, started.get("db") ?? 0);
    assertGreater(started.get("web") ?? 0, (started.get("migrate") ?? 0) + 199);
    const ps = await shop.cv("ps");
    assertMatch(ps.stdout, /db +healthy /);
    assertMatch(ps.stdout, /migrate +completed \(0\)/);
  });

  test("a check by a program or a line for the shell runs inside, as the container's user", async () => {
    const ready = sh("sleep 0.3; touch /tmp/ready; sleep 60");
    await using shop = project({
      containers: {
        program: {
          ...BASE,
          init: true,
          user: "1000:1000",
          commands: [ready],
          healthcheck: {
            exec: ["test", "-O", "/tmp/ready"],
            interval: "100ms",
            startPeriod: "20s",
          },
        },
        shell: {
          ...BASE,
          init: true,
          commands: [ready],
          healthcheck: { shell: "test -e /tmp/ready", interval: "100ms", startPeriod: "20s" },
        },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertMatch(up.stderr, /✔ program healthy /);
    assertMatch(up.stderr, /✔ shell healthy /);
  });

  test("is not started when that can never be, and it is said why; the rest is", async () => {
    await using shop = project({
      containers: {
        migrate: { ...BASE, commands: [sh("sleep 0.1; exit 3")] },
        web: { ...BASE, commands: [["true"]], dependsOn: { migrate: "completed" } },
        last: { ...BASE, commands: [["true"]], dependsOn: ["web"] },
        other: { ...BASE, commands: [["true"]] },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 125);
    assertStringIncludes(up.stderr, "web was not started: migrate ended with 3");
    assertStringIncludes(up.stderr, "containerv logs migrate");
    assertStringIncludes(up.stderr, "last was not started: web is not there");
    assertEquals((await shop.ps()).map(({ name }) => name), ["migrate", "other"]);
  });

  test("an unhealthy container fails up, with how often its check failed", async () => {
    await using shop = project({
      containers: {
        deaf: {
          ...BASE,
          init: true,
          commands: [["sleep", "60"]],
          healthcheck: { tcp: { port: 81 }, ...QUICK },
        },
        wrong: {
          ...BASE,
          commands: [server(80, "HTTP/1.0 503 Busy\\r\\n\\r\\n")],
          healthcheck: { http: { port: 80 }, ...QUICK },
        },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 125);
    for (const name of ["deaf", "wrong"]) {
      assertStringIncludes(up.stderr, `${name} is unhealthy: its check failed 2 times in a row`);
    }
    assertMatch((await shop.cv("ps")).stdout, /deaf +unhealthy /);
  });
});

describe("restarts", { skip }, () => {
  test("what fails is started again, with once-commands left out, until its retries are used up", async () => {
    await using jobs = project({
      containers: {
        flaky: {
          ...BASE,
          commands: [
            { exec: sh("echo once"), once: true },
            { exec: sh("echo again; sleep 0.05; exit 5") },
          ],
          restart: { policy: "on-failure", maxRetries: 2, backoff: "10ms" },
        },
      },
    });
    const up = await jobs.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    assertMatch(up.stderr, /supervisor \d+ \(restart\)/);
    const supervisor = supervisorOf(jobs) ?? 0;
    // Nothing is left to look after: it goes.
    await until(() => !lives(supervisor), "the supervisor ended", 20_000);
    const logs = (await jobs.cv("logs", "flaky")).stdout.replaceAll(/^.*\| /gm, "");
    assertEquals(logs, "once\nagain\nagain\nagain\n");
    assertEquals((await one(jobs, "flaky"))?.ending?.status, 5);
  });

  test("always: it comes back from SIGKILL as another process; down ends it and the supervisor for good", async () => {
    await using shop = project({
      containers: {
        web: {
          ...BASE,
          init: true,
          commands: [["sleep", "60"]],
          restart: { policy: "always", backoff: "10ms" },
        },
      },
    });
    assertEquals((await shop.cv("up", "-d")).code, 0);
    const first = (await one(shop, "web"))?.pid ?? 0;
    process.kill(first, "SIGKILL");
    await untilAsync(async () => {
      const pid = (await one(shop, "web"))?.pid;
      return pid !== undefined && pid !== first;
    }, "it is started again");
    const supervisor = supervisorOf(shop) ?? 0;
    assert(lives(supervisor));
    const down = await shop.cv("down");
    assertEquals(down.code, 0, down.stderr);
    await until(() => !lives(supervisor), "the supervisor ended with its project");
    assertEquals(existsSync(shop.state()), false);
  });

  test("onFailure: restart ends what is unhealthy and starts it anew", async () => {
    await using shop = project({
      containers: {
        web: {
          ...BASE,
          commands: [server(80, OK, 2)],
          healthcheck: { http: { port: 80 }, ...COMES_UP, onFailure: "restart" },
        },
      },
    });
    const up = await shop.cv("up", "-d");
    assertEquals(up.code, 0, up.stderr);
    const pids = new Set<number>();
    await untilAsync(async () => {
      const pid = (await one(shop, "web"))?.pid;
      if (pid !== undefined) pids.add(pid);
      return pids.size > 1;
    }, "it is started anew");
  });

  test("a supervisor that was killed loses nothing: the next up starts another", async () => {
    await using shop = project({
      containers: {
        web: { ...BASE, init: true, commands: [["sleep", "60"]], restart: "always" },
      },
    });
    assertEquals((await shop.cv("up", "-d")).code, 0);
    const first = supervisorOf(shop) ?? 0;
    const { pid } = await one(shop, "web") ?? {};
    process.kill(first, "SIGKILL");
    await until(() => !lives(first), "the supervisor is gone");
    assertMatch((await shop.cv("ps")).stderr, /the supervisor of .* is gone: .*containerv up -d/);
    const again = await shop.cv("up", "-d");
    assertMatch(
      again.stderr,
      /✔ web unchanged\nsupervisor \d+ \(restart\)\. It does not survive a reboot: containerv unit --install .*\n/,
    );
    const second = supervisorOf(shop) ?? 0;
    assert(second !== first && lives(second));
    assertEquals((await one(shop, "web"))?.pid, pid);
    // A third up takes its place: never two.
    await shop.cv("up", "-d");
    assert(!lives(second));
    assert(lives(supervisorOf(shop) ?? 0));
  });
});

describe("up -d --watch", { skip: missing(root(), tool("strace")) }, () => {
  test("the supervisor stays, and says up again; a wrong spec changes nothing and is said by ps", async () => {
    const spec = (hostname: string) => ({
      ...BASE,
      variables: { TEXT: { default: "unset" } },
      commands: [sh("echo ${{ TEXT }}; sleep 100")],
      hostname,
      stop: { grace: "0s" },
    });
    await using box = project(spec("one"));
    const up = await box.cv("up", "-d", "--watch", "--set", "TEXT=given");
    assertMatch(up.stderr, /\nsupervisor \d+ \(watch\)\n$/);
    const isCalled = async (name: string) =>
      (await box.cv("exec", "containerv", "--", "hostname")).stdout === `${name}\n`;
    writeFileSync(box.file, "nonsense: 1\n");
    const ps = async () => (await box.cv("ps")).stderr;
    await untilAsync(
      async () => /watched spec: .*error: unknown key/.test(await ps()),
      "it is said",
    );
    assert(await isCalled("one"));
    box.write(spec("two"));
    await untilAsync(() => isCalled("two"), "the change is made");
    // What the first was given goes on with the next.
    assertEquals((await box.cv("logs")).stdout, "given\n");
    await untilAsync(() => Promise.resolve(supervisorOf(box) !== undefined), "the next watches");
    assertEquals(await ps(), "");
    const words = ["up", "-d", "--watch", "--set", "TEXT=given"];
    // It has ended the one before, and the next is not there.
    const inject = "inject=memfd_create:signal=KILL:when=1";
    const strace = [findTool("strace") ?? "", "-qq", "-o", "/dev/null", "-e", inject];
    const { code, signal } = await box.cvUnder(strace, words);
    assert(signal === "SIGKILL" || code === 137);
    assertMatch(await ps(), /^the supervisor of .* is gone: .* until containerv up -d --watch\n$/);
    const diff = await box.cv("diff", "--set", "TEXT=given");
    assertEquals([diff.code, /^! nobody looks for changes/.test(diff.stdout)], [3, true]);
    assertEquals((await box.cv(...words)).code, 0);
    assertEquals(await ps(), "");
    assertEquals((await box.cv("up", "-d", "--set", "TEXT=given")).code, 0);
    assertEquals(supervisorOf(box), undefined);
  });
});
