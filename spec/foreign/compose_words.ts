/**
 * The words of the Compose Specification (each key of a service, each key of the file) and our answer to each: the same
 * word, our line with the user's own value put in, or why there is none.
 */
import { showFlow } from "../text/flow.ts";
import type { Value } from "../text/tree.ts";
import * as rewrite from "./rewrite.ts";

export type Answer =
  /** The same key here; `but` says what differs. */
  | { readonly same: true; readonly but?: string }
  /** Ours: a line to paste. */
  | { readonly here: (value: Value) => string }
  /** Not here, and why, or what to use. */
  | { readonly why: string };

const same = (but?: string): Answer => but === undefined ? { same: true } : { same: true, but };
const here = (to: (value: Value) => string): Answer => ({ here: to });
const why = (text: string): Answer => ({ why: text });
/** The value goes below another key as it is. */
const under = (...keys: readonly string[]): Answer => here((value) => rewrite.nest(keys, value));

/** Each key of a service in the Compose Specification's schema (2026). */
export const COMPOSE_SERVICE_WORDS: Readonly<Record<string, Answer>> = {
  annotations: under("labels"),
  attach: why("output is shown by `run` and kept for `logs`"),
  blkio_config: why("limits: {io: [{device: /dev/sda, readBytes: 10MiB}]} says it"),
  build: why("images are not built here; run the build as commands of a container"),
  cap_add: here((value) => rewrite.nest(["policy", "capabilities"], rewrite.capabilities(value))),
  cap_drop: here(rewrite.capDrop),
  cgroup: why("each container has a cgroup namespace of its own"),
  cgroup_parent: why("the place of a cgroup follows from project and name"),
  command: here(rewrite.command),
  configs: here((value) => rewrite.files("inputs", value)),
  container_name: here((value) => `name: ${showFlow(value)}`),
  cpu_count: here(rewrite.cpu),
  cpu_percent: why("limits: {cpu: 1.5} counts CPUs, not per cent"),
  cpu_period: why("limits: {cpu: 1.5} is quota divided by period"),
  cpu_quota: here(rewrite.quota),
  cpu_rt_period: why(
    "process: {scheduler: {policy: fifo, priority: 1}}; its share has no key here",
  ),
  cpu_rt_runtime: why(
    "process: {scheduler: {policy: fifo, priority: 1}}; its share has no key here",
  ),
  cpu_shares: here(rewrite.cpuShares),
  cpus: here(rewrite.cpu),
  cpuset: under("limits", "cpuset"),
  credential_spec: why("managed service accounts of Windows have no key here"),
  depends_on: here(rewrite.dependsOn),
  deploy: here(rewrite.deploy),
  develop: why("mount the sources with rootfs: {layers: [{host: system}, {dir: ./src, at: /src}]}"),
  device_cgroup_rules: why("limits: {devices: [{device: /dev/fuse, access: rw}]} says it"),
  devices: here((value) => rewrite.nest(["limits", "devices"], rewrite.devicePaths(value))),
  dns: here((value) => rewrite.nest(["network", "dns"], rewrite.asList(value))),
  dns_opt: why("resolver options have no key here; network: {dns: […]} names the servers"),
  dns_search: why("search domains have no key here; write whole names"),
  domainname: here((value) => rewrite.nest(["sysctls", "kernel.domainname"], value)),
  entrypoint: here(rewrite.command),
  env_file: here((value) => rewrite.nest(["environmentFiles"], rewrite.envFiles(value))),
  environment: same("a map of texts; NAME=value lists are not taken"),
  expose: why("containers of one file reach each other on every port"),
  extends: same("container in place of service"),
  external_links: why("only containers of one file reach each other"),
  extra_hosts: here((value) => rewrite.nest(["network", "names"], rewrite.hosts(value))),
  gpus: why("limits: {devices: […]} says it, by the devices' names"),
  group_add: under("process", "groups"),
  healthcheck: same("exec or shell in place of test, startPeriod in place of start_period"),
  hostname: same(),
  image: here((value) => rewrite.nest(["rootfs", "layers"], [{ image: value }])),
  init: same(),
  ipc: why("each container has an IPC namespace of its own"),
  isolation: here((value) => value === "hyperv" ? "vm: {driver: hyperv}" : "platform: linux"),
  label_file: why("labels are written below labels"),
  labels: same("a map; NAME=value lists are not taken"),
  links: here((value) => rewrite.nest(["dependsOn"], rewrite.linkNames(value))),
  logging: why(
    "logs are kept and rotated without a setting; logs: {maxSize: 10MiB, maxFiles: 3} is the default",
  ),
  mac_address: why("addresses are chosen by containerv"),
  mem_limit: here((value) => rewrite.nest(["limits", "memory"], rewrite.size(value))),
  mem_reservation: here((value) => rewrite.nest(["limits", "memory", "low"], rewrite.size(value))),
  mem_swappiness: why("limits: {swap: 0} forbids swap; a degree has no key here"),
  memswap_limit: here((value) => rewrite.nest(["limits", "swap"], rewrite.size(value))),
  models: why("language models have no key here"),
  network_mode: here(rewrite.networkMode),
  networks: why("containers of one file share one network: network: private or bridge"),
  oom_kill_disable: why("a container at its limit is killed; the exit says so"),
  oom_score_adj: under("process", "oomScoreAdj"),
  pid: why("each container has a PID namespace of its own"),
  pids_limit: under("limits", "pids"),
  platform: here(rewrite.platform),
  ports: here((value) => rewrite.nest(["network", "ports"], rewrite.ports(value))),
  post_start: here((value) => rewrite.hooks(value)),
  pre_start: here((value) => rewrite.hooks(value)),
  pre_stop: why("handle stop: {signal: SIGTERM} in the program"),
  privileged: why("say what is needed: policy: {capabilities: [SYS_ADMIN]}"),
  profiles: same(),
  provider: why("only containers can be described here"),
  pull_policy: why("an image is fetched once; a digest says which"),
  pull_refresh_after: why("an image is fetched once; a digest says which"),
  read_only: here((value) =>
    rewrite.isTrue(value) ? "rootfs: {writable: false}" : "rootfs: {writable: tmpfs}"
  ),
  restart: same("unless-stopped is always here"),
  runtime: why("containerv is the runtime"),
  scale: why("one container per name; write another below containers"),
  secrets: here((value) => rewrite.files("secrets", value)),
  security_opt: why("policy: says what is allowed; no_new_privs is always on"),
  shm_size: why("/dev/shm counts into limits: {memory: …}"),
  stdin_open: under("stdin"),
  stop_grace_period: under("stop", "grace"),
  stop_signal: under("stop", "signal"),
  storage_opt: here((value) => rewrite.storage(value)),
  sysctls: same("a map; NAME=value lists are not taken"),
  tmpfs: here((value) => rewrite.nest(["volumes"], rewrite.tmpfs(value))),
  tty: same(),
  ulimits: here((value) => rewrite.nest(["limits", "rlimits"], value)),
  use_api_socket: why("there is no daemon and so no socket"),
  user: same(),
  userns_mode: here((value) => `userns: ${value === "host" ? "host" : "auto"}`),
  uts: why("each container has a host name of its own: hostname"),
  volumes: same("a list; named volumes are declared at the top"),
  volumes_from: why("name the same volume in both containers"),
  working_dir: under("workdir"),
};

/** Each key at the top of a compose file. */
export const COMPOSE_TOP_WORDS: Readonly<Record<string, Answer>> = {
  version: why("leave it out"),
  name: same(),
  include: same("a list of paths"),
  services: why("the word is containers"),
  models: why("language models have no key here"),
  networks: why("containers of one file share one network: network: private or bridge"),
  volumes: same(),
  secrets: why("each container says its own: secrets: {/run/secrets/NAME: {file: PATH}}"),
  configs: why("each container says its own: inputs: [{from: PATH, to: PATH}]"),
};

/** The note behind an unknown key that is a word of a compose service; `undefined` for other words. */
export function explainComposeWord(word: string, value: Value): string | undefined {
  return Object.hasOwn(COMPOSE_SERVICE_WORDS, word)
    ? explain(COMPOSE_SERVICE_WORDS[word], value)
    : undefined;
}

/** The note behind an unknown key at the top of a file that is a word of a compose file, and not of a service. */
export function explainTopWord(word: string, value: Value = null): string | undefined {
  const isTop = Object.hasOwn(COMPOSE_TOP_WORDS, word);
  return isTop ? explain(COMPOSE_TOP_WORDS[word], value) : undefined;
}

function explain(answer: Answer | undefined, value: Value): string | undefined {
  if (answer === undefined) return undefined;
  if ("same" in answer) {
    return answer.but === undefined
      ? "compose's word, and ours"
      : `compose's word, and ours: ${answer.but}`;
  }
  if ("here" in answer) return `compose's word; here: ${answer.here(value)}`;
  return `compose's word; here: ${answer.why}`;
}
