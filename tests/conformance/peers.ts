/** The same containers under crun and runc: bundles on disk, and one script that runs them all in a mount namespace of its own. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { OciExport } from "../../spec/oci/container.ts";
import { exactJson } from "../../spec/text/json.ts";
import { runProgram } from "../support/cli.ts";
import { findTool } from "../support/require.ts";

export type Peer = "crun" | "runc";

/** Names of groups that a killed run would leave. */
const GROUP_PREFIX = "containerv-conformance-";

/** Writes `config.json` and what the root is to hold, below `directory`/`name`. */
export function writeBundle(directory: string, name: string, { config, bundle }: OciExport): void {
  const place = join(directory, name);
  mkdirSync(join(place, "rootfs"), { recursive: true });
  // One level deep: a runtime takes away the last directory of the path and no other.
  const linux = { ...config.linux, cgroupsPath: `/${GROUP_PREFIX}${name}` };
  writeFileSync(join(place, "config.json"), exactJson({ ...config, linux }));
  const skeleton = join(place, "skeleton");
  mkdirSync(skeleton);
  for (const { path, mode } of bundle.directories) {
    mkdirSync(join(skeleton, path), { recursive: true });
    chmodSync(join(skeleton, path), mode);
  }
  for (const { path, target } of bundle.symlinks) symlinkSync(target, join(skeleton, path));
  for (const { path, mode, text } of bundle.files) {
    mkdirSync(dirname(join(skeleton, path)), { recursive: true });
    writeFileSync(join(skeleton, path), text, { mode });
  }
  writeFileSync(join(place, "mount"), mountScript(bundle.root));
  // A root in a user namespace has rights over what belongs to the ids that it has outside.
  const [owner, group] = [config.linux?.uidMappings?.[0], config.linux?.gidMappings?.[0]];
  const own = owner === undefined ? ":" : `chown -Rh ${owner.hostID}:${group?.hostID} rootfs`;
  writeFileSync(join(place, "own"), `${own}\n`);
}

function mountScript(root: OciExport["bundle"]["root"]): string {
  if (root.kind === "overlay") {
    const lowers = [...root.lowers].reverse().join(":");
    return "mkdir upper; mount -t tmpfs tmpfs upper; mkdir upper/up upper/work\n" +
      `mount -t overlay overlay -o lowerdir=${lowers},upperdir=upper/up,workdir=upper/work rootfs\n`;
  }
  const size = root.kind === "tmpfs" && root.sizeBytes !== undefined
    ? `,size=${root.sizeBytes}`
    : "";
  return `mount -t tmpfs -o nosuid,nodev,mode=0755${size} tmpfs rootfs\n`;
}

/**
 * crun refuses limits on a hybrid machine while the unified hierarchy has a controller; mounted as v1 in this
 * namespace it is taken from there, and given back when it is unmounted.
 */
const FREE_CONTROLLERS = `
free=
if test -e /sys/fs/cgroup/unified/cgroup.controllers; then
  for c in $(cat /sys/fs/cgroup/unified/cgroup.controllers); do
    mkdir -p "$work/v1/$c" && mount -t cgroup -o "$c" "$c" "$work/v1/$c" && free="$free $c"
  done
fi
give_back() {
  for c in $free; do
    rmdir "$work/v1/$c/${GROUP_PREFIX}"* 2>/dev/null
    umount "$work/v1/$c"
  done
}
trap give_back EXIT
`;

/** Runs every bundle of `directory` under the peer; a program's path, its exit status and what it printed, by bundle. */
export async function runPeer(
  peer: Peer,
  directory: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, { readonly code: string; readonly output: string }>> {
  const program = findTool(peer) ?? peer;
  // Standard input is a pipe: crun gives its streams to the container's user, and /dev/null is the machine's.
  const lines = names.map((name) => `
cd "$work/${name}" && . ./mount && cp -a skeleton/. rootfs/ && . ./own
: | ${program} run --bundle . ${GROUP_PREFIX}${name} > ${peer}.out 2>&1; echo $? > ${peer}.code
umount -l rootfs; test ! -d upper || { umount -l upper; rmdir upper; }`);
  const script = join(directory, `${peer}.sh`);
  writeFileSync(script, `work=${directory}\n${FREE_CONTROLLERS}\n${lines.join("\n")}\n`);
  const argv = ["unshare", "--mount", "--propagation", "private", "/bin/sh", script];
  const result = await runProgram(argv, { timeoutMs: 90_000 });
  if (result.timedOut) throw new Error(`${peer} did not end: ${result.stderr}`);
  return new Map(names.map((name) => {
    const read = (file: string): string => {
      const path = join(directory, name, `${peer}.${file}`);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    };
    return [name, { code: read("code").trim(), output: read("out") || result.stderr }];
  }));
}
