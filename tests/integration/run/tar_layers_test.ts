/** What archives of real systems have: holes, attributes, devices, large ids; from GNU tar and from our own hand; as root and as an ordinary user. */
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { randomBytes } from "node:crypto";
import { after, describe, test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fgetxattr } from "../../../ffi/calls/xattr.ts";
import { check, readCell } from "../../../ffi/linux/run.ts";
import { layerRoot, openStore } from "../../../runtime/image/store.ts";
import { openArchive, unpackArchive } from "../../../runtime/image/unpack.ts";
import { runCli, runProgram } from "../../support/cli.ts";
import { sha256 } from "../../support/oci_layout.ts";
import { missing, root, tool, userns } from "../../support/require.ts";
import { storeWithout } from "../../support/store.ts";
import { archive, entry, header, pax } from "../../support/tar.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";
import { guardWorld, runSpec, sh } from "../cli/sandbox.ts";

const skip = missing(root(), tool("busybox"));
const ID = 65534;

/** cap_net_raw, permitted and effective: struct vfs_cap_data of revision 2. */
const CAPABILITY = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const base = (): Uint8Array =>
  archive(
    entry({ name: "bin/busybox", data: new Uint8Array(readFileSync("/bin/busybox")), mode: 0o755 }),
    header({ name: "bin/sh", type: "2", link: "busybox" }),
    pax({ uid: "4294967294", gid: "100000" }),
    entry({ name: "large", data: "ids" }),
    pax({ "SCHILY.xattr.security.capability": CAPABILITY, "SCHILY.xattr.user.note": "kept" }),
    entry({ name: "ping", data: "x", mode: 0o755 }),
    header({ name: "null", type: "3", major: 1, minor: 3, mode: 0o666 }),
    header({ name: "disk", type: "4", major: 8, minor: 0, mode: 0o666 }),
    header({ name: "pipe", type: "6" }),
    entry({ name: "marker", data: `${process.pid}` }),
  );

const BASE = skip === false ? base() : new Uint8Array(0);
const store = storeWithout([sha256(BASE)]);
after(() => store[Symbol.dispose]());
guardWorld();

/** Unpacks into a store in the directory; gives the layer's root. */
async function unpacked(directory: TempDir, path: string): Promise<string> {
  const data = directory.file("data");
  openStore(data);
  using opened = openArchive(path);
  const { diffId, record } = await unpackArchive(data, opened);
  assertEquals(record.notes, {});
  return layerRoot(data, diffId);
}

describe("GNU tar's sparse files", () => {
  const noTar = missing(root(), tool("tar"));
  for (
    const [format, version] of [["gnu", ""], ["pax", "0.0"], ["pax", "0.1"], [
      "pax",
      "1.0",
    ]] as const
  ) {
    test(`format ${format} ${version}: the holes are holes, the data is where it was`, {
      skip: noTar,
    }, async () => {
      using directory = tempDir();
      directory.write("tree/holes", "begin");
      const path = directory.file("tree/holes");
      const fd = openSync(path, "r+");
      // More pieces than the four that fit into a header of the old form.
      for (let piece = 1; piece < 30; piece++) writeSync(fd, `piece ${piece}`, piece * (1 << 20));
      closeSync(fd);
      truncateSync(path, 64 << 20);
      const how = version === "" ? [] : [`--sparse-version=${version}`];
      const made = await runProgram(
        [
          "tar",
          "-cS",
          `--format=${format}`,
          ...how,
          "-f",
          directory.file("t.tar"),
          "-C",
          directory.file("tree"),
          ".",
        ],
      );
      assertEquals(made.code, 0, made.stderr);
      const layer = await unpacked(directory, directory.file("t.tar"));
      const { size, blocks } = lstatSync(`${layer}/holes`);
      assertEquals(size, 64 << 20);
      assert(blocks * 512 < 1 << 20, `${blocks} blocks`);
      const compared = await runProgram(["cmp", path, `${layer}/holes`]);
      assertEquals(compared.code, 0, compared.stdout);
    });
  }
});

test(
  "a long archive, digested by a thread from where it is read, is unpacked and digested as it is",
  {
    skip,
  },
  async () => {
    using directory = tempDir();
    // Files that end and begin all over the places that are filled in turn.
    const files = Array.from({ length: 7 }, (_, index) => randomBytes((5 << 20) + 513 * index));
    const bytes = archive(
      ...files.flatMap((data, index) => [
        entry({ name: `${index}`, data: new Uint8Array(data) }),
        header({ name: `${index}.link`, type: "2", link: `${index}` }),
      ]),
    );
    assert(bytes.length > 33 << 20, "short ones are digested in place");
    directory.write("long.tar", bytes);
    // Its name is the digest.
    const layer = await unpacked(directory, directory.file("long.tar"));
    assertStringIncludes(layer, sha256(bytes).replace(":", "-"));
    for (const [index, data] of files.entries()) {
      assertEquals(data.compare(readFileSync(`${layer}/${index}`)), 0, `${index}`);
      assertEquals(readlinkSync(`${layer}/${index}.link`), `${index}`);
    }
  },
);

test(
  "attributes, ids above 65535, devices and FIFOs are as the archive says; devices can't be opened inside",
  {
    skip,
  },
  async () => {
    using directory = tempDir();
    directory.write("base.tar", BASE);
    const layer = await unpacked(directory, directory.file("base.tar"));
    const { uid, gid } = lstatSync(`${layer}/large`);
    assertEquals([uid, gid], [4294967294, 100000]);
    assert(
      lstatSync(`${layer}/null`).isCharacterDevice() && lstatSync(`${layer}/disk`).isBlockDevice(),
    );
    const spec = { policy: "none", rootfs: { layers: [{ tar: directory.file("base.tar") }] } };
    const { code, stdout } = await runSpec({
      ...spec,
      commands: [sh([
        "busybox stat -c '%u %g' /large",
        "for one in null disk; do busybox head -c 1 /$one 2>/dev/null || echo closed; done",
        "busybox stat -c '%F' /null /pipe",
      ].join("; "))],
    });
    assertEquals([code, stdout], [
      0,
      "4294967294 100000\nclosed\nclosed\ncharacter special file\nfifo\n",
    ]);
  },
);

test("security.capability and user attributes are kept", { skip }, async () => {
  using directory = tempDir();
  const layer = await unpacked(directory, directory.write("base.tar", BASE));
  const fd = openSync(`${layer}/ping`, "r");
  const valueOf = (name: string): string => {
    const value = { cell: "attribute", size: 64 };
    const length = check(fgetxattr({ fd, name, value, size: value.size }));
    return String.fromCharCode(...readCell(value).subarray(0, length));
  };
  assertEquals([valueOf("security.capability"), valueOf("user.note")], [CAPABILITY, "kept"]);
  closeSync(fd);
});

test("an ordinary user runs from an archive: their own files, devices left out and said", {
  skip: skip === false ? missing(tool("setpriv"), userns()) : skip,
}, async () => {
  using home = tempDir();
  home.write("base.tar", BASE);
  const box = home.write(
    "box.yaml",
    JSON.stringify({
      policy: "none",
      rootfs: { layers: [{ tar: "./base.tar" }] },
      commands: [
        sh(
          "busybox stat -c '%u %g %a' /marker /large; busybox ls /null 2>/dev/null || echo no null; echo x > /large; busybox cat /large",
        ),
      ],
    }),
  );
  for (const name of ["", "base.tar", "box.yaml"]) chownSync(home.file(name), ID, ID);
  mkdirSync(home.file("cache"));
  chownSync(home.file("cache"), ID, ID);
  chmodSync(box, 0o644);
  const { code, stdout, stderr } = await runCli(["run", "--no-cache", box], {
    prefix: ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"],
    env: {
      HOME: home.path,
      XDG_CACHE_HOME: home.file("cache"),
      XDG_DATA_HOME: undefined,
      XDG_RUNTIME_DIR: undefined,
      DENO_DIR: home.file("cache/deno"),
      BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
    },
  });
  assertEquals([code, stdout], [0, "0 0 644\n0 0 644\nno null\nx\n"], stderr);
  const [layer = ""] = readdirSync(home.file(".local/share/containerv/layers"));
  assertEquals(lstatSync(home.file(`.local/share/containerv/layers/${layer}/fs/marker`)).uid, ID);
  const plan = await runCli(["plan", box], {
    prefix: ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"],
    env: {
      HOME: home.path,
      XDG_CACHE_HOME: home.file("cache"),
      XDG_DATA_HOME: undefined,
      DENO_DIR: home.file("cache/deno"),
    },
  });
  assertStringIncludes(plan.stdout, "the layer is without device nodes: 2 entries");
  assertStringIncludes(plan.stdout, "the layer is without attributes security.capability: 1 entry");
});
