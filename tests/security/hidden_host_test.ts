/**
 * The default rootfs: proof by inode. Everything that can be reached inside is listed with its file system and inode, and
 * compared with the host's own files: nothing of /root, /home, /run, /tmp, /var, no /etc/shadow, no socket is among them.
 */
import {
  type BigIntStats,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { guardWorld, inside, runSpec, sh } from "../integration/cli/sandbox.ts";
import { missing, root } from "../support/require.ts";

guardWorld();
const skip = missing(root());

/** Paths that `host: system` shows, each with what is below it. */
const SHOWN = [
  "/usr",
  "/bin",
  "/sbin",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/etc/ld.so.cache",
  "/etc/ld.so.conf",
  "/etc/ld.so.conf.d",
  "/etc/alternatives",
  "/etc/passwd",
  "/etc/group",
  "/etc/nsswitch.conf",
  "/etc/protocols",
  "/etc/services",
  "/etc/localtime",
  "/etc/mime.types",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/ca-certificates",
  "/etc/terminfo",
];

interface Entry {
  readonly device: string;
  readonly inode: string;
  /** find's letter: d, f, l, c, b, s, p. */
  readonly type: string;
  readonly path: string;
}

/** Everything in the container but the kernel's own /proc and /sys. */
async function walk(spec: Readonly<Record<string, unknown>> = {}): Promise<readonly Entry[]> {
  const script = "find / \\( -path /proc -o -path /sys \\) -prune -o -printf '%D %i %y %p\\n' 2>&1";
  const text = await inside(script, spec);
  return text.trimEnd().split("\n").map((line) => {
    const [, device = "", inode = "", type = "", path = ""] =
      /^(\d+) (\d+) (\S) (.*)$/.exec(line) ?? [];
    assert(path !== "", line);
    return { device, inode, type, path };
  });
}

const isShown = (path: string): boolean =>
  SHOWN.some((one) => path === one || path.startsWith(`${one}/`));
const key = ({ dev, ino }: BigIntStats): string => `${dev} ${ino}`;

/** Files below a directory of the host, as `DEVICE INODE`; bounded, for the machine may be large. */
function hostFiles(path: string, into: Map<string, string>, limit: number): void {
  let entries: readonly string[];
  try {
    entries = readdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "EACCES", "EINVAL"].includes(code ?? "")) return;
    throw error;
  }
  for (const name of entries) {
    if (into.size >= limit) return;
    const child = join(path, name);
    const status = lstatSync(child, { bigint: true, throwIfNoEntry: false });
    if (status === undefined) continue;
    into.set(key(status), child);
    if (status.isDirectory()) hostFiles(child, into, limit);
  }
}

const CANARY = `canary-${process.pid}-${Math.random().toString(36).slice(2)}`;
const PLACES = [
  "/root",
  "/home",
  "/run",
  "/tmp",
  "/var",
  "/var/tmp",
  "/var/lib",
  "/opt",
  "/srv",
  "/mnt",
  "/",
];
const SOCKETS = ["/run", "/tmp", "/var/tmp"].map((place) => `${place}/${CANARY}.sock`);

describe("the default rootfs", { skip }, () => {
  const servers: ReturnType<typeof createServer>[] = [];
  before(async () => {
    for (const place of PLACES) {
      mkdirSync(join(place, CANARY), { recursive: true });
      writeFileSync(join(place, CANARY, "secret"), CANARY, { mode: 0o666 });
    }
    for (const path of SOCKETS) {
      const server = createServer((socket) => socket.end(CANARY));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      servers.push(server);
    }
  });
  after(async () => {
    for (const place of PLACES) rmSync(join(place, CANARY), { recursive: true, force: true });
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  });

  for (const writable of ["tmpfs", false]) {
    test(`has no inode of the host's private directories, sockets or secrets (writable: ${writable})`, async () => {
      const entries = await walk({ rootfs: { writable } });
      assertGreater(entries.filter(({ type }) => type === "f").length, 100, "the walk saw /usr");
      const secrets = new Map<string, string>();
      for (
        const place of ["/root", "/home", "/run", "/var/lib", "/var/spool", "/var/log", "/var/tmp"]
      ) {
        const status = lstatSync(place, { bigint: true, throwIfNoEntry: false });
        if (status !== undefined) secrets.set(key(status), place);
        hostFiles(place, secrets, secrets.size + 3000);
      }
      for (const place of PLACES) hostFiles(join(place, CANARY), secrets, Infinity);
      for (
        const path of [
          "/etc/shadow",
          "/etc/gshadow",
          "/etc/shadow-",
          "/etc/sudoers",
          "/etc/machine-id",
          "/etc/ssh",
          "/etc/fstab",
          "/etc/environment",
          "/etc/ssl/private",
          "/etc",
          "/",
          ...SOCKETS,
        ]
      ) {
        const status = lstatSync(path, { bigint: true, throwIfNoEntry: false });
        if (status !== undefined) secrets.set(key(status), path);
      }
      assertGreater(secrets.size, PLACES.length * 2);
      const found = entries.filter(({ device, inode }) => secrets.has(`${device} ${inode}`))
        // A hard link may give a file of /usr a second name elsewhere.
        .filter(({ path, device, inode }) =>
          secrets.get(`${device} ${inode}`) !== path && !isShown(path)
        );
      assertEquals(found.map(({ path }) => path), []);
      assertEquals(entries.filter(({ type }) => type === "s" || type === "b"), []);
    });
  }

  test("shows of the host's file systems only what the list says, under the same name", async () => {
    const hostDevices = new Set(
      readFileSync("/proc/1/mountinfo", "utf8").split("\n").filter(Boolean).map((line) => {
        const [major = 0, minor = 0] = (line.split(" ")[2] ?? "").split(":").map(Number);
        // As st_dev is in C (makedev), for what find prints.
        return `${(BigInt(major) << 8n) | BigInt(minor & 0xff) | (BigInt(minor & ~0xff) << 12n)}`;
      }),
    );
    const strangers = (await walk()).filter(({ device, path }) =>
      hostDevices.has(device) && !isShown(path)
    );
    assertEquals(strangers.map(({ path }) => path), []);
  });

  test("content: no canary can be found by name, by content, or through links and descriptors", async () => {
    const script = [
      `find / -name '*${CANARY.slice(0, 12)}*' -not -path '/proc/*' 2>/dev/null`,
      // Not the kernel's files: reading some of them waits for ever.
      `grep -rls ${CANARY} /bin/../root /root /home /run /tmp /var /etc /opt /srv /mnt /dev/shm`,
      `for p in /proc/[0-9]*; do for l in root cwd; do ls $p/$l/ 2>/dev/null; done; done | grep ${CANARY}`,
      `for p in /proc/self/fd/*/.. /proc/1/fd/*/..; do ls $p 2>/dev/null; done | grep ${CANARY}`,
      ...PLACES.map((place) =>
        `cat ${place}/${CANARY}/secret /proc/1/root${place}/${CANARY}/secret 2>/dev/null`
      ),
      "true",
    ].join("\n");
    // The script holds the word itself, so what it finds of its own is its command line only: that is not looked at.
    assertEquals(await inside(script), "");
  });

  test("no path leads above the root", async () => {
    const script =
      "cd /; for i in 1 2 3 4 5 6 7 8 9; do cd ..; done; pwd -P; ls -di / /.. /../.. | cut -d/ -f1 | sort -u | wc -l; ls /../home";
    assertEquals(await inside(script), "/\n1\n");
  });

  test("chroot and a descriptor (the old way out) stay inside: SYS_CHROOT is no way to the host", async () => {
    const { code, stdout, stderr } = await runSpec({
      policy: "none",
      commands: [["/usr/bin/env", "perl", "-e", PERL]],
    });
    assertEquals([code, stderr, stdout], [0, "", "no shadow, home empty\n"]);
  });
});

/** As chroot(2) says under "This call does not change the current working directory". */
const PERL = `
mkdir "/tmp/j"; chdir "/" or die "chdir"; chroot("/tmp/j") or die "chroot: $!";
for (1..64) { chdir ".." } chroot(".") or die "chroot";
opendir(my $d, "/home") or die "home: $!"; my @home = grep { !/^\\.\\.?$/ } readdir $d;
print((-e "/etc/shadow" ? "SHADOW" : "no shadow"), ", home ", (@home ? "@home" : "empty"), "\\n");
`;

describe("what is the host's can't be written", { skip }, () => {
  test("a file is tried in every directory: only those of the container's own memory take it", async () => {
    const script = [
      "find / \\( -path /proc -o -path /sys \\) -prune -o -type d -print | while IFS= read -r d; do",
      '  if { command : > "$d/.w"; } 2>/dev/null; then stat -c "%d %n" "$d"; rm -f "$d/.w"; fi',
      "done | sort -k2",
    ].join("\n");
    const lines = (await inside(script)).trimEnd().split("\n").map((line) => line.split(" "));
    assertEquals(lines.map(([, path]) => path), [
      "/",
      "/dev",
      "/dev/mqueue",
      "/dev/shm",
      "/etc",
      "/etc/ssl",
      "/home",
      "/mnt",
      "/opt",
      "/root",
      "/run",
      "/srv",
      "/tmp",
      "/var",
      "/var/tmp",
    ]);
  });

  test("no file of it opens for writing, nor changes its mode, owner, times or name", async () => {
    const script = [
      // access(2) says EROFS for what a read-only mount holds, to root too.
      "find / \\( -path /proc -o -path /sys \\) -prune -o -type f -writable -print | sort | head -20",
      "for f in /usr/bin/env /etc/passwd /etc/group /etc/ld.so.cache; do",
      "  chmod 4777 $f && echo mode; chown 1 $f && echo owner; touch $f && echo times; mv $f $f.x && echo name; rm -f $f && echo gone",
      "done 2>/dev/null; true",
    ].join("\n");
    assertEquals(await inside(script), "/etc/hostname\n/etc/hosts\n");
  });

  test("mounting anew, remounting and device nodes are refused", async () => {
    const script = [
      "mount -o remount,rw /usr && echo remounted; mount --bind /usr /mnt && echo bound; mount -t tmpfs t /mnt && echo tmpfs",
      "umount /usr && echo unmounted; umount -l /proc/sys && echo unmounted; umount /proc/kcore && echo unmasked",
      "mknod /tmp/disk b 254 0 && echo node; unshare -m true && echo namespace; true",
    ].join("\n");
    const { code, stdout } = await runSpec({ policy: "none", commands: [sh(script)] });
    assertEquals([code, stdout], [0, ""]);
  });
});
