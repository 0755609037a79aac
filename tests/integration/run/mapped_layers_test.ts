/** Layers of root's containers that have ids of their own: files have inside the owners that they have on the disk. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { after, test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { dataDirectory } from "../../../runtime/lifecycle/data.ts";
import { runCli } from "../../support/cli.ts";
import { sha256 } from "../../support/oci_layout.ts";
import { findTool, kernel, loopDevices, missing, root, tool } from "../../support/require.ts";
import { storeWithout } from "../../support/store.ts";
import { archive, entry, header, pax } from "../../support/tar.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";
import { guardWorld, runSpec, sh, type SpecObject } from "../cli/sandbox.ts";

const skip = missing(root(), tool("busybox"));
const OUTSIDE = 300_000;
/** Kind, program that makes one, first kernel that id-maps it. */
const IMAGES = [
  ["erofs", "mkfs.erofs", "5.19"],
  ["squashfs", "mksquashfs", "6.2"],
] as const;
const USERNS = {
  uids: [{ inside: 0, outside: OUTSIDE, count: 1000 }],
  gids: [{ inside: 0, outside: OUTSIDE + 5000, count: 1000 }],
};
const PACKED = archive(
  entry({ name: "packed", data: `of the archive, ${process.pid}`, uid: 8, gid: 9, mode: 0o640 }),
  header({ name: "opaque/.wh..wh..opq" }),
  pax({ uid: "100000", gid: "0" }),
  entry({ name: "opaque/foreign" }),
);
const store = storeWithout([sha256(PACKED)]);
after(() => store[Symbol.dispose]());
guardWorld();

/** A root with busybox, and files of several owners. */
function makeLayer(directory: TempDir): string {
  const layer = directory.file("layer");
  for (const name of ["", "/bin", "/opaque", "/own"]) mkdirSync(`${layer}${name}`);
  for (const name of ["busybox", "sh"]) copyFileSync("/bin/busybox", `${layer}/bin/${name}`);
  directory.write("layer/mine", "text");
  chownSync(`${layer}/mine`, 5, 6);
  chmodSync(`${layer}/mine`, 0o600);
  directory.write("layer/roots", "text");
  chmodSync(`${layer}/roots`, 0o600);
  directory.write("layer/opaque/hidden", "");
  chownSync(`${layer}/own`, 5, 6);
  return layer;
}

const looks = (paths: string): string => `busybox stat -c '%n %u %g %a' ${paths}`;

async function seen(spec: SpecObject, script: string, name = "box"): Promise<string> {
  const { code, stdout, stderr } = await runSpec(
    { policy: "none", userns: USERNS, ...spec, commands: [sh(script)] },
    { name },
  );
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

test("dir and tar layers have their owners inside, and root of the container may change them", {
  skip,
}, async () => {
  using directory = tempDir();
  const dir = makeLayer(directory);
  const tar = directory.write("packed.tar", PACKED);
  const script = [
    looks("/mine /roots /packed /own /opaque/foreign /bin/busybox"),
    "busybox ls /opaque",
    "busybox cat /mine /roots; echo",
    "echo more >> /mine; busybox chown 7:8 /roots",
    looks("/mine /roots"),
    "busybox cat /at/packed",
    "echo x 2>/dev/null > /at/packed || echo read-only",
  ].join("; ");
  const layers = [{ dir }, { tar }, { dir: directory.file("at"), at: "/at" }];
  directory.write("at/packed", "elsewhere ");
  const text = await seen({ rootfs: { layers } }, script);
  assertEquals(text.split("\n"), [
    "/mine 5 6 600",
    "/roots 0 0 600",
    "/packed 8 9 640",
    "/own 5 6 755",
    "/opaque/foreign 65534 0 644",
    "/bin/busybox 0 0 755",
    "foreign",
    "texttext",
    "/mine 5 6 600",
    "/roots 7 8 600",
    "elsewhere read-only",
    "",
  ]);
  const { uid, gid } = lstatSync(`${dir}/mine`);
  assertEquals([uid, gid], [5, 6], "on the disk nothing changed");
  const plan = await runCli([
    "plan",
    directory.write("box.yaml", JSON.stringify({ userns: USERNS, rootfs: { layers: [{ dir }] } })),
  ]);
  assertStringIncludes(plan.stdout, `idmap=0:${OUTSIDE}:1000/0:${OUTSIDE + 5000}:1000`);
  assertEquals(plan.stderr.includes("OWNERS_NOT_MAPPED"), false);
});

test(
  "an upper on disk keeps owners as the container sees them, whichever range it has",
  {
    skip,
  },
  async () => {
    using directory = tempDir();
    const name = `mapped-${process.pid}`;
    const upper = `${dataDirectory(process.env, 0)}/uppers/${name}`;
    try {
      const spec = { rootfs: { layers: [{ dir: makeLayer(directory) }], writable: "disk" } };
      await seen(spec, "echo kept > /kept; busybox chown 3:4 /kept", name);
      const { uid, gid } = statSync(`${upper}/up/kept`);
      assertEquals([uid, gid], [3, 4]);
      const again = {
        ...spec,
        userns: { uids: [{ ...USERNS.uids[0], outside: 900_000 }], gids: USERNS.gids },
      };
      assertEquals(
        await seen(again, `busybox cat /kept; ${looks("/kept")}`, name),
        "kept\n/kept 3 4 644\n",
      );
    } finally {
      rmSync(upper, { recursive: true, force: true });
    }
  },
);

const INSIDE = `${looks("/mine /roots")}; busybox cat /mine; echo x > /roots && echo written`;

for (const [kind, program, least] of IMAGES) {
  test(`a ${kind} image has its owners inside, as a layer and at a place of its own`, {
    skip: skip === false ? missing(tool(program), kernel(least), loopDevices()) : skip,
  }, async () => {
    using directory = tempDir();
    const image = directory.file("image");
    const argv = kind === "erofs" ? [image, makeLayer(directory)] : [makeLayer(directory), image];
    assertEquals(spawnSync(findTool(program) ?? program, argv, { encoding: "utf8" }).status, 0);
    const layers = [{ [kind]: image }, { [kind]: image, at: "/at" }];
    const script = `${INSIDE}; ${looks("/at/mine /at/roots")}; echo x 2>&- > /at/roots || echo no`;
    assertEquals((await seen({ rootfs: { layers } }, script)).split("\n"), [
      "/mine 5 6 600",
      "/roots 0 0 600",
      "textwritten",
      "/at/mine 5 6 600",
      "/at/roots 0 0 600",
      "no",
      "",
    ]);
  });
}

test("a ready root is mapped, with what is mounted below; one that has the ids is used as it is", {
  skip: skip === false ? missing(tool("unshare")) : skip,
}, async () => {
  using directory = tempDir();
  const path = makeLayer(directory);
  for (const name of ["etc", "proc", "sys", "dev", "below", "source"]) mkdirSync(`${path}/${name}`);
  directory.write("layer/source/deep", "");
  chownSync(`${path}/source/deep`, 7, 8);
  const box = directory.write(
    "box.yaml",
    JSON.stringify({
      policy: "none",
      userns: USERNS,
      rootfs: { path },
      commands: [sh(`${INSIDE}; ${looks("/below/deep")}; echo new > /made`)],
    }),
  );
  const below = `mount --bind ${path}/source ${path}/below; exec "$@"`;
  const mapped = await runCli(["run", "-q", "--no-cache", box], {
    prefix: ["unshare", "-m", "/bin/sh", "-ec", below, "sh"],
  });
  assertEquals([mapped.code, mapped.stderr], [0, ""]);
  assertEquals(mapped.stdout.split("\n"), [
    "/mine 5 6 600",
    "/roots 0 0 600",
    "textwritten",
    "/below/deep 7 8 644",
    "",
  ]);
  assertEquals(statSync(`${path}/made`).uid, 0, "on the disk it is root's, as inside");
  const files = ["", "/mine", "/roots", "/made", "/own", "/bin"];
  for (const file of files) chownSync(`${path}${file}`, OUTSIDE, OUTSIDE + 5000);
  // What is not mapped, the container's root opens itself.
  chmodSync(directory.path, 0o711);
  const shifted = await runCli(["run", "-q", "--no-cache", box]);
  assertEquals(shifted.code, 0, shifted.stderr);
  assertEquals(shifted.stdout.split("\n").slice(0, 2), ["/mine 0 0 600", "/roots 0 0 600"]);
});

test("a layer that can't be id-mapped is refused, with what can", {
  skip: skip === false ? missing(tool("unshare")) : skip,
}, async () => {
  using directory = tempDir();
  const box = directory.write(
    "box.yaml",
    JSON.stringify({
      policy: "none",
      userns: USERNS,
      rootfs: { layers: [{ dir: directory.file("merged") }] },
      commands: [["true"]],
    }),
  );
  const ready = directory.write(
    "ready.yaml",
    JSON.stringify({
      policy: "none",
      userns: USERNS,
      rootfs: { path: directory.file("merged") },
      commands: [["true"]],
    }),
  );
  for (const one of ["lower", "upper", "work", "merged"]) mkdirSync(directory.file(one));
  const script = `cd ${directory.path}; mount -t tmpfs t upper; mkdir upper/u upper/w; ` +
    `mount -t overlay o -o lowerdir=lower,upperdir=upper/u,workdir=upper/w merged; exec "$@"`;
  const { code, stderr } = await runCli(["run", "--no-cache", box], {
    prefix: ["unshare", "-m", "/bin/sh", "-ec", script, "sh"],
  });
  assertEquals(code, 125, stderr);
  assertStringIncludes(stderr, "give the layer");
  assertStringIncludes(stderr, "can't be id-mapped on this kernel");
  assertStringIncludes(stderr, "box.yaml:1:");
  const root = await runCli(["run", "--no-cache", ready], {
    prefix: ["unshare", "-m", "/bin/sh", "-ec", script, "sh"],
  });
  assertEquals(root.code, 125, root.stderr);
  assertStringIncludes(root.stderr, "give the tree to the ids that the container has outside");
});
