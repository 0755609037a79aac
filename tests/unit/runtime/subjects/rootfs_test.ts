import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, test } from "node:test";
import { HostError } from "../../../../runtime/plan/host_error.ts";
import type { Op } from "../../../../runtime/plan/ops/registry.ts";
import { compileRootfs } from "../../../../runtime/subjects/rootfs/compile.ts";
import { systemOps } from "../../../../runtime/subjects/rootfs/system.ts";
import { SYSTEM_ROOTS } from "../../../../runtime/plan/system_roots.ts";
import { ANSWERS, HOST_USER, HOST_V2 } from "../support/hosts.ts";
import { opsOf, planOf, type Situation, wanted } from "../support/wanted.ts";

const rootfsOf = (rootfs: unknown, { host = HOST_V2, answers }: Situation = {}) =>
  compileRootfs(wanted({ rootfs }), { host }, { ...ANSWERS, ...answers });

const paths = (ops: readonly Op[]): readonly string[] =>
  ops.flatMap((op) => op.kind === "directory" || op.kind === "symlink" ? [op.path] : []);

describe("host: system, the default", () => {
  const { container, stage, losses, readOnly } = rootfsOf(undefined);

  test("a fresh root in memory, nothing on the host's side", () => {
    const [root] = container;
    assert(root?.kind === "mount.new");
    assertEquals([root.fs, root.at, root.options], ["tmpfs", "/", [["mode", "0755"]]]);
    assertEquals([stage, losses, readOnly], [[], [], false]);
  });

  test("shows programs read-only and no secret of the host", () => {
    const binds = container.flatMap((op) => op.kind === "mount.bind" ? [op] : []);
    assert(binds.length > 10);
    for (const { attributes, source, at } of binds) {
      assertEquals([attributes, source], [["ro", "nosuid", "nodev"], at]);
      assert(
        !/^\/(root|home|run|var|tmp|proc|sys|dev|boot)(\/|$)|shadow|private|ssh|sudoers|machine-id/
          .test(source),
        source,
      );
    }
    assert(
      !binds.some(({ source }) => source === "/" || source === "/etc" || source === "/etc/ssl"),
    );
  });

  test("has every directory before what lies in it", () => {
    const seen = new Set<string>(["/"]);
    for (const op of container) {
      const path = op.kind === "mount.bind" || op.kind === "file" ? undefined : paths([op])[0];
      if (path === undefined) continue;
      assert(seen.has(path.slice(0, path.lastIndexOf("/")) || "/"), path);
      seen.add(path);
    }
    for (const path of ["/dev", "/proc", "/sys", "/tmp", "/etc/ssl/certs"]) assert(seen.has(path));
  });

  test("follows the machine: links where /usr is merged, directories where it is not", () => {
    const system = {
      "/usr": { kind: "directory" },
      "/bin": { kind: "directory" },
      "/lib": { kind: "symlink", target: "usr/lib" },
    } as const;
    const ops = systemOps({ ...HOST_V2, system }, { origin: "default", hostname: "h" });
    const of = (path: string) =>
      ops.filter((op) =>
        "path" in op && op.path === path || op.kind === "mount.bind" && op.at === path
      ).map(({ kind }) => kind);
    assertEquals(of("/usr"), ["directory", "mount.bind"]);
    assertEquals(of("/bin"), ["directory", "mount.bind"]);
    assertEquals(of("/lib"), ["symlink"]);
    assertEquals(of("/sbin"), []);
    assert(SYSTEM_ROOTS.includes("/sbin"));
  });

  test("names itself in /etc/hostname and /etc/hosts", () => {
    const plan = planOf({ hostname: "web-1" });
    const texts = opsOf(plan, "file").map(({ path, text }) => [path, text]);
    assertEquals(texts, [
      ["/etc/hostname", "web-1\n"],
      ["/etc/hosts", "127.0.0.1 localhost web-1\n::1 localhost\n"],
    ]);
  });
});

describe("writable", () => {
  test("tmpfs of a size", () => {
    const [root] = rootfsOf({ writable: { tmpfs: "1GiB" } }).container;
    assert(root?.kind === "mount.new");
    assertEquals(root.options, [["mode", "0755"], ["size", "1073741824"]]);
  });

  test("disk: a directory by the container's name that is locked, then bound", () => {
    const { stage, container } = rootfsOf({ writable: "disk" });
    assertEquals(stage.map((op) => op.kind === "upper" ? [op.path, op.mode] : []), [
      ["/var/lib/containerv/uppers/box", 0o700],
    ]);
    const [root] = container;
    assert(root?.kind === "mount.bind");
    assertEquals([root.source, root.target], ["/var/lib/containerv/uppers/box/up", "root"]);
  });

  test("false: closed when all is mounted, just before the host's root is left", () => {
    const plan = planOf({ rootfs: { writable: false } });
    const kinds = plan.ops.map(({ kind }) => kind);
    const at = plan.ops.findIndex((op) => op.kind === "mount.readonly" && op.at === "/");
    assertEquals(kinds[at + 1], "pivot");
    assertEquals(plan.ops[at]?.origin, "/rootfs/writable");
  });
});

describe("layers", () => {
  const overlayOf = (rootfs: unknown, situation?: Situation) => {
    const [root] = rootfsOf(rootfs, situation).container;
    assert(root?.kind === "mount.overlay", root?.kind);
    return root;
  };

  test("at / are the lowers of one overlay, in order; relative paths start at the spec", () => {
    const root = overlayOf({ layers: [{ dir: "base" }, { dir: "/site" }] });
    assertEquals(root.lowers, ["/specs/base", "/site"]);
    assertEquals(root.upper, { kind: "tmpfs" });
    assertEquals([root.origin, root.userxattr], ["/rootfs/layers/0", false]);
    assertEquals(overlayOf({ layers: [{ dir: "/a" }] }, { host: HOST_USER }).userxattr, true);
  });

  test("upper on disk, of a size, and for a read-only root", () => {
    const layers = [{ dir: "/a" }];
    assertEquals(overlayOf({ layers, writable: "disk" }).upper, {
      kind: "disk",
      path: "/var/lib/containerv/uppers/box",
    });
    assertEquals(overlayOf({ layers, writable: { tmpfs: "4MiB" } }).upper, {
      kind: "tmpfs",
      size: 4194304,
    });
    assertEquals(overlayOf({ layers, writable: false }).upper, { kind: "tmpfs" });
  });

  test("only what is about to be mounted gets its place", () => {
    const { container } = rootfsOf({ layers: [{ dir: "/a" }] });
    assertEquals(paths(container), ["/dev", "/proc", "/sys"]);
  });

  test("elsewhere are mounts of their own, read-only, with the directories above them", () => {
    const { container } = rootfsOf({
      layers: [{ host: "system" }, { dir: "/site", at: "/srv/www" }],
    });
    const last = container.slice(-3);
    assertEquals(paths(last), ["/srv", "/srv/www"]);
    const [bind] = last.slice(-1);
    assert(bind?.kind === "mount.bind");
    assertEquals([bind.source, bind.at, bind.origin], ["/site", "/srv/www", "/rootfs/layers/1"]);
    assert(bind.attributes.includes("ro"));
  });

  test("that host: system would hide are refused, with the layer's line", () => {
    const layers = [{ host: "system" }, { dir: "/site" }];
    const answers = { collisions: { "/site": ["/usr"] } };
    const error = assertThrows(() => rootfsOf({ layers }, { answers }), HostError, "/usr");
    assertEquals([error.code, error.origin], ["LAYER_HIDDEN", "/rootfs/layers/1"]);
    assertEquals(rootfsOf({ layers }, { answers: { collisions: { "/site": [] } } }).losses, []);
  });
});

describe("host: /", () => {
  test("root: an overlay, with what is not shown said", () => {
    const { container, losses } = rootfsOf({ layers: [{ host: "/" }, { dir: "/a" }] });
    const [root] = container;
    assert(root?.kind === "mount.overlay");
    assertEquals(root.lowers, ["/", "/a"]);
    assertEquals(losses.map(({ code, origin }) => [code, origin]), [
      ["HOST_SUBMOUNTS_MISSING", "/rootfs/layers/0"],
    ]);
  });

  test("an ordinary user: a read-only bind, with its loss; none when it was asked to be", () => {
    const { container, losses } = rootfsOf({ layers: [{ host: "/" }] }, { host: HOST_USER });
    const [root] = container;
    assert(root?.kind === "mount.bind");
    assertEquals([root.source, root.attributes], ["/", ["ro", "nosuid", "nodev"]]);
    assertEquals(losses.map(({ code }) => code), ["HOST_ROOT_READ_ONLY"]);
    const asked = rootfsOf({ layers: [{ host: "/" }], writable: false }, { host: HOST_USER });
    assertEquals(asked.losses, []);
  });

  test("an ordinary user, with another layer: refused at that layer", () => {
    const layers = [{ host: "/" }, { dir: "/a" }];
    const error = assertThrows(() => rootfsOf({ layers }, { host: HOST_USER }), HostError);
    assertEquals([error.code, error.origin], ["HOST_ROOT_ALONE", "/rootfs/layers/1"]);
  });
});

describe("path: a ready root", () => {
  test("is bound as it is: nothing is made in it, nothing kept beside it", () => {
    const { container, stage } = rootfsOf({ path: "./root" });
    assertEquals(stage, []);
    assertEquals(container.length, 1);
    const [root] = container;
    assert(root?.kind === "mount.bind");
    assertEquals([root.source, root.target, root.origin], ["/specs/root", "root", "/rootfs/path"]);
    const plan = planOf({ rootfs: { path: "./root" }, workdir: "/work" });
    assert(!opsOf(plan, "directory").some(({ path }) => path === "/work"));
  });
});

describe("workdir", () => {
  test("each that is asked for is made once, with the directories above it", () => {
    const plan = planOf({
      workdir: "/a/b",
      commands: [{ exec: ["x"], workdir: "/a/c" }, { exec: ["y"] }, { exec: ["z"], workdir: "/" }],
    });
    const made = opsOf(plan, "directory").filter(({ path }) => path.startsWith("/a"))
      .map(({ path, origin }) => [path, origin]);
    assertEquals(made.map(([path]) => path), ["/a", "/a/b", "/a/c"]);
    assertEquals(made.at(-1), ["/a/c", "/commands/0/workdir"]);
    const ids = plan.ops.map(({ id }) => id);
    assertEquals(ids.length, new Set(ids).size);
  });
});

describe("image files", () => {
  const layers = [{ host: "system" }, { dir: "/a" }, { squashfs: "b.img" }, {
    erofs: "/c",
    at: "/x",
  }];

  test("are handed over behind the secrets, in their order", () => {
    const plan = planOf({ rootfs: { layers }, secrets: { "/run/s": "secret" } });
    assertEquals(opsOf(plan, "prepare").map(({ passed }) => passed), [3]);
    assertEquals(opsOf(plan, "clone").map(({ passed }) => passed), [3]);
    assertEquals(opsOf(plan, "secret").map(({ fd }) => fd), [7]);
    assertEquals(opsOf(plan, "mount.overlay").map(({ lowers }) => lowers), [
      ["/a", { fd: 8, of: "/specs/b.img" }],
    ]);
    assertEquals(opsOf(plan, "volume.attach").map(({ fd, at }) => [fd, at]), [[9, "/x"]]);
    assertEquals(opsOf(plan, "pivot").map(({ stacked }) => stacked), [3]);
  });

  test("are for root alone", () => {
    const error = assertThrows(() => planOf({ rootfs: { layers } }, { host: HOST_USER }));
    assert(error instanceof HostError);
    assertEquals([error.code, error.origin], ["IMAGE_NEEDS_ROOT", "/rootfs/layers/2"]);
  });
});

describe("layers of root's container with ids of its own", () => {
  const ids = [{ inside: 0, outside: 100_000, count: 65_536 }];
  const userns = { uids: ids, gids: ids };
  const owned = (uid: number) => ({
    answers: { sources: { "/root.d": { kind: "directory", uid, gid: uid } } },
  } as const);

  test("images that were handed over get ids, and the namespace of the map is made once", () => {
    const layers = [{ dir: "/a" }, { erofs: "/b.erofs" }, { squashfs: "/c.squashfs", at: "/srv" }];
    const plan = planOf({ userns, rootfs: { layers } });
    const maps = opsOf(plan, "layer.map");
    assertEquals(maps.map(({ path, fd }) => [path, fd]), [
      ["/a", undefined],
      ["/b.erofs", 7],
      ["/c.squashfs", 8],
    ]);
    assertEquals(maps.map(({ first, last }) => [first, last]), [
      [true, false],
      [false, false],
      [false, true],
    ]);
    assertEquals(plan.losses.filter(({ code }) => code === "OWNERS_NOT_MAPPED"), []);
  });

  test("a ready root is mapped unless it belongs to an id that the container has outside", () => {
    const spec = { userns, rootfs: { path: "/root.d" } };
    for (const situation of [{}, owned(0), owned(1000)]) {
      const plan = planOf(spec, situation);
      assertEquals(opsOf(plan, "layer.map").map(({ path, recursive }) => [path, recursive]), [
        ["/root.d", true],
      ]);
      assertEquals(opsOf(plan, "mount.bind")[0]?.slot, "layer root");
      assertEquals(plan.losses.filter(({ code }) => code === "OWNERS_NOT_MAPPED"), []);
    }
    const shifted = planOf(spec, owned(100_000));
    assertEquals(opsOf(shifted, "layer.map"), []);
    assertEquals(opsOf(shifted, "mount.bind")[0]?.slot, undefined);
  });

  test("what is the host's own is not mapped, and said to be lost", () => {
    for (const layers of [[{ host: "system" }], [{ host: "/" }]]) {
      const plan = planOf({ userns, rootfs: { layers } });
      assertEquals(opsOf(plan, "layer.map"), []);
      assert(plan.losses.some(({ code }) => code === "OWNERS_NOT_MAPPED"));
    }
  });
});
