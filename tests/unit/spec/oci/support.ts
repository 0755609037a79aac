/** Containers for the tests of OCI's words, and a machine to export them for. */
import { loadObject } from "../../../../spec/load.ts";
import type { DesiredContainer } from "../../../../spec/model/desired.ts";
import { fromOci, toOci } from "../../../../spec/oci/container.ts";
import type { OciFacts } from "../../../../spec/oci/facts.ts";
import { exactJson } from "../../../../spec/text/json.ts";

export const FACTS: OciFacts = {
  users: [{ uid: 0, gid: 0, groups: [], environment: ["PATH=/bin", "HOME=/root"] }],
  capabilities: ["CHOWN", "KILL"],
  ambient: false,
  hidden: ["/proc/kcore"],
  readOnly: ["/proc/sys"],
  root: {
    directories: [{ path: "/etc", mode: 0o755 }],
    symlinks: [{ path: "/bin", target: "usr/bin" }],
    files: [{ path: "/etc/hostname", mode: 0o644, text: "box\n" }],
    mounts: [{ destination: "/usr", type: "bind", source: "/usr", options: ["rbind", "ro"] }],
  },
  volumes: [],
  mappedLayers: [],
  knobs: [],
  disks: {},
  instance: "box",
  groups: true,
  groupsMounted: true,
};
export const IMPORT = { bundle: "/bundle", hidden: FACTS.hidden, readOnly: FACTS.readOnly };

export function wanted(spec: Readonly<Record<string, unknown>>): DesiredContainer {
  const value = { commands: [["/bin/true"]], ...spec };
  const { desired, diagnostics } = loadObject(value, { name: "box", directory: "/specs" });
  const only = desired?.containers[0];
  if (only === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return only;
}

export const exported = (spec: Readonly<Record<string, unknown>>, facts: Partial<OciFacts> = {}) =>
  toOci(wanted(spec), { ...FACTS, ...facts });

/** What comes back of a spec that was written as config.json, its root made a directory. */
export function thereAndBack(
  spec: Readonly<Record<string, unknown>>,
  facts: Partial<OciFacts> = {},
): ReturnType<typeof fromOci> {
  const root = { ...FACTS.root, mounts: [] };
  const whole = { rootfs: { path: "/bundle/rootfs" }, ...spec };
  return fromOci(JSON.parse(exactJson(exported(whole, { root, ...facts }).config)), IMPORT);
}
