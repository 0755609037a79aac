// timeout-seconds: 240
/** Containers from archives and from local images: what is seen inside is what they hold and what they say. */
import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { after, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { guardWorld } from "../cli/sandbox.ts";
import { runCli } from "../../support/cli.ts";
import {
  asArchive,
  dockerArchive,
  image,
  layout,
  sha256,
  writeLayout,
} from "../../support/oci_layout.ts";
import { missing, root, tool } from "../../support/require.ts";
import { storeWithout } from "../../support/store.ts";
import { archive, entry, header, pax } from "../../support/tar.ts";
import { type TempDir, tempDir } from "../../support/temp.ts";

const busybox = "/bin/busybox";
const skip = missing(root(), tool("busybox"));

let count = 0;

/** A base that no other test has: two at once would take the layer from each other. */
function base(): Uint8Array {
  const data = new Uint8Array(readFileSync(busybox));
  const marker = `${process.pid}-${Date.now()}-${count++}`;
  return archive(
    entry({ name: "./", type: "5", mode: 0o755 }),
    entry({ name: "bin/", type: "5", mode: 0o755 }),
    entry({ name: "bin/busybox", data, mode: 0o755 }),
    header({ name: "bin/sh", type: "2", link: "busybox" }),
    header({ name: "bin/echo", type: "2", link: "busybox" }),
    entry({ name: "etc/marker", data: marker }),
    entry({
      name: "etc/passwd",
      data: "root:x:0:0::/root:/bin/sh\npost:x:70:71::/var/post:/bin/sh\n",
    }),
    entry({ name: "etc/group", data: "post:x:71:\nextra:x:99:post\n" }),
    entry({ name: "gone/file", data: "lower" }),
    entry({ name: "opaque/lower", data: "lower" }),
    entry({ name: "both", data: "lower" }),
  );
}

const upper = (): Uint8Array =>
  archive(
    entry({ name: ".wh.gone" }),
    entry({ name: "opaque/.wh..wh..opq" }),
    entry({ name: "opaque/upper", data: "upper" }),
    pax({ uid: "100000", gid: "2147483648", mtime: "1234567890.5" }),
    entry({ name: "both", data: "upper", mode: 0o4755 }),
    header({ name: "hard", type: "1", link: "both" }),
  );

/** Most tests have these two: they are unpacked once. */
const LAYERS = skip === false ? [base(), upper()] : [];
const shared = storeWithout(LAYERS.map(sha256));
after(() => shared[Symbol.dispose]());
// Behind it: the comparison comes when the store is as before.
guardWorld();

function spec(directory: TempDir, text: string): string {
  return directory.write("spec.yaml", `policy: none\n${text}`);
}

const LOOK = [
  "busybox ls /gone 2>/dev/null || busybox echo no gone",
  "busybox ls /opaque",
  "busybox stat -c '%u %g %a %h %Y' /both",
  "busybox cat /both",
].join("; ");

const SEEN = "no gone\nupper\n100000 2147483648 4755 2 1234567890\nupper";

for (const form of ["plain", "zstd"] as const) {
  test(
    `two tar layers (${form}) are one root: whiteouts, opaque directories, ids, times`,
    { skip },
    async () => {
      using directory = tempDir();
      const layers = [base(), upper()];
      using _store = storeWithout(layers.map(sha256));
      const pack = (bytes: Uint8Array): Uint8Array =>
        form === "zstd" ? zstdCompressSync(bytes) : bytes;
      directory.write("base.tar", pack(layers[0]!));
      directory.write("upper.tar", pack(layers[1]!));
      const file = spec(
        directory,
        `rootfs: {layers: [{tar: ./base.tar}, {tar: ./upper.tar}]}\ncommands: ["${LOOK}"]\n`,
      );
      const plan = await runCli(["plan", file]);
      assertStringIncludes(plan.stdout, `base.tar", ${sha256(layers[0]!)})`);
      const first = await runCli(["run", file]);
      assertEquals([first.code, first.stdout.trim()], [0, SEEN], first.stderr);
      const second = await runCli(["run", file]);
      assertEquals([second.code, second.stdout.trim()], [0, SEEN], second.stderr);
    },
  );
}

test("an archive that changed is unpacked anew, also when its size and time are the old ones", {
  skip,
}, async () => {
  using directory = tempDir();
  const old = base();
  const changed = old.slice();
  const at = new TextDecoder("latin1").decode(old).lastIndexOf("lower");
  changed.set([0x4c], at);
  using _store = storeWithout([sha256(old), sha256(changed)]);
  const path = directory.write("base.tar", old);
  utimesSync(path, 1e9, 1e9);
  const file = spec(
    directory,
    `rootfs: {layers: [{tar: ./base.tar}]}\ncommands: ["busybox cat /both"]\n`,
  );
  const first = await runCli(["run", file]);
  assertEquals(first.stdout, "lower", first.stderr);
  writeFileSync(path, changed);
  utimesSync(path, 1e9, 1e9);
  const second = await runCli(["run", file]);
  assertEquals(second.stdout, "Lower", second.stderr);
});

test("an archive of another digest than the spec says is refused", { skip }, async () => {
  using directory = tempDir();
  const bytes = LAYERS[0]!;
  directory.write("base.tar", bytes);
  const digest = `sha256:${"0".repeat(64)}`;
  const file = spec(
    directory,
    `rootfs: {layers: [{tar: ./base.tar, digest: "${digest}"}]}\ncommands: ["true"]\n`,
  );
  for (const verb of ["plan", "run"]) {
    const { code, stderr } = await runCli([verb, file]);
    assertEquals(code, 125);
    assertStringIncludes(stderr, "DIGEST_MISMATCH");
    assertMatch(stderr, /spec\.yaml:2:/);
  }
});

const CONFIG = {
  Entrypoint: ["/bin/sh", "-c", 'echo "$0 $1"; busybox id; echo $WHO $PWD'],
  Cmd: ["from", "image"],
  Env: ["WHO=image", "PATH=/bin"],
  User: "post",
  WorkingDir: "/var/post",
  StopSignal: "SIGQUIT",
  Labels: { team: "web", policy: "none" },
};

function writeImage(directory: TempDir, form: string, layers: readonly Uint8Array[]): string {
  const made = image({ layers, config: CONFIG, tag: "latest" });
  if (form === "docker-archive:img.tar") {
    directory.write("img.tar", dockerArchive({ layers, config: made.config }, ["img:latest"]));
    return form;
  }
  const files = layout(made.files, [made.manifest]);
  if (form.includes("archive") || form.endsWith(".tar")) {
    directory.write("img.tar", asArchive(files));
  } else writeLayout(directory.file("img"), files);
  return form;
}

for (
  const form of [
    "./img",
    "oci:./img:latest",
    "oci-archive:img.tar",
    "./img.tar",
    "docker-archive:img.tar",
  ]
) {
  test(`image: ${form} runs as the image says, and the spec overrides`, { skip }, async () => {
    using directory = tempDir();
    const layers = LAYERS;
    writeImage(directory, form, layers);
    const rootfs = `rootfs: {layers: [{image: "${form}"}]}\n`;
    const plain = await runCli(["run", spec(directory, rootfs)]);
    const who = "uid=70(post) gid=71(post) groups=99(extra)";
    assertEquals(plain.stdout, `from image\n${who}\nimage /var/post\n`, plain.stderr);
    const other = spec(
      directory,
      `${rootfs}user: "0:0"\nworkdir: /gone\nenvironment: {WHO: spec}\ncommands: [{args: [my, words]}]\n`,
    );
    const overridden = await runCli(["run", other]);
    assertEquals(
      overridden.stdout,
      "my words\nuid=0(root) gid=0\nspec /gone\n",
      overridden.stderr,
    );
    const { image: told, summary } = JSON.parse(
      (await runCli(["plan", "--json", spec(directory, rootfs)])).stdout,
    );
    assertEquals([told.labels, summary.stop.signal], [CONFIG.Labels, 3]);
    const looked = await runCli([
      "run",
      spec(directory, `${rootfs}user: "0"\ncommands: ["${LOOK}"]\n`),
    ]);
    assertEquals(looked.stdout.trim(), SEEN, looked.stderr);
  });
}

test(
  "the plan of an image that is not unpacked knows its users, and writes nothing",
  { skip },
  async () => {
    using directory = tempDir();
    const layers = [base()];
    using _store = storeWithout(layers.map(sha256));
    writeImage(directory, "./img", layers);
    const file = spec(directory, `rootfs: {layers: [{image: ./img}]}\n`);
    const { code, stdout, stderr } = await runCli(["plan", file]);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, sha256(layers[0]!));
    assertMatch(stdout, /setresuid\(70\), setresgid\(71\)/);
    assert((await runCli(["plan", file])).stdout.includes("unpack("), "nothing was unpacked");
  },
);

test(
  "an index gives the image of this processor; another's is refused by name",
  { skip },
  async () => {
    using directory = tempDir();
    const layers = [base()];
    using _store = storeWithout(layers.map(sha256));
    const config = { Cmd: ["/bin/echo", "mine"] };
    const mine = image({ layers, config });
    const other = image({ layers, config, architecture: "s390x" }, mine.files);
    const described = (one: typeof mine, architecture: string) => ({
      ...one.manifest,
      platform: { os: "linux", architecture },
    });
    const own = process.arch === "arm64" ? "arm64" : "amd64";
    writeLayout(
      directory.file("both"),
      layout(new Map(mine.files), [described(other, "s390x"), described(mine, own)]),
    );
    writeLayout(directory.file("other"), layout(new Map(mine.files), [described(other, "s390x")]));
    const run = (name: string) =>
      runCli(["run", spec(directory, `rootfs: {layers: [{image: ./${name}}]}\n`)]);
    assertEquals((await run("both")).stdout, "mine\n");
    const refused = await run("other");
    assertEquals(refused.code, 125);
    assertStringIncludes(refused.stderr, "the image is for linux/s390x");
  },
);

test("a reference of a registry is refused by name, with what works", async () => {
  using directory = tempDir();
  const file = spec(directory, `rootfs: {layers: [{image: "nginx:1.27"}]}\n`);
  const { code, stderr } = await runCli(["validate", file]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "skopeo copy docker://nginx:1.27 oci:./img");
});
