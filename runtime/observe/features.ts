/**
 * What a kernel, a machine and a user may have or lack: one table, which `doctor` shows, docs/kernel-features.md prints and
 * tests prove. A probe tries; it never concludes from a version, and changes nothing that outlives it.
 */
import type { Host } from "../plan/host.ts";
import { CALL_FEATURES } from "./features_calls.ts";
import { CGROUP_FEATURES } from "./features_cgroups.ts";
import { DEVICE_FEATURES } from "./features_devices.ts";
import { IMAGE_FEATURES } from "./features_images.ts";
import { MOUNT_FEATURES } from "./features_mounts.ts";
import { POLICY_FEATURES } from "./features_policy.ts";
import type { Feature, FeatureAnswer } from "./features_probe.ts";
import { ROOTLESS_FEATURES } from "./features_rootless.ts";

export type { Feature, FeatureAnswer, FeatureGroup } from "./features_probe.ts";

/** Every feature there is, group by group. */
export const FEATURES: readonly Feature[] = [
  ...CALL_FEATURES,
  ...MOUNT_FEATURES,
  ...IMAGE_FEATURES,
  ...CGROUP_FEATURES,
  ...ROOTLESS_FEATURES,
  ...POLICY_FEATURES,
  ...DEVICE_FEATURES,
];

/** A row with its answer: plain JSON. `fix` is the one that fits here. */
export type ProbedFeature = Omit<Feature, "probe"> & FeatureAnswer & { readonly fix: string };

/** Tries them all, for this user on this machine: some 30 ms. */
export function probeFeatures(host: Host): readonly ProbedFeature[] {
  return FEATURES.map(({ probe, ...feature }) => ({ ...feature, ...probe(host) }));
}
