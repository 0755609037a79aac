import { describe, test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  COMPOSE_SERVICE_WORDS,
  COMPOSE_TOP_WORDS,
  explainComposeWord,
  explainTopWord,
} from "../../../../spec/foreign/compose_words.ts";
import { CONTAINER_KEYS, PROJECT_KEYS } from "../../../../spec/model/schema.ts";
import { parse } from "../../../../spec/text/parse.ts";
import { type Value, valueOf } from "../../../../spec/text/tree.ts";
import { load } from "../model/load_from.ts";

/** Each word with a value as compose files have it, and the whole note. `same` = our own word. */
const WORDS: readonly (readonly [string, Value, string])[] = [
  ["annotations", { a: "b" }, "here: labels: {a: b}"],
  ["attach", false, "here: output is shown by `run` and kept for `logs`"],
  [
    "blkio_config",
    { weight: 300 },
    "here: limits: {io: [{device: /dev/sda, readBytes: 10MiB}]} says it",
  ],
  ["build", ".", "here: images are not built here; run the build as commands of a container"],
  ["cap_add", ["CAP_NET_ADMIN"], "here: policy: {capabilities: [NET_ADMIN]}"],
  ["cap_drop", ["ALL"], "here: policy: {capabilities: []}"],
  ["cgroup", "host", "here: each container has a cgroup namespace of its own"],
  ["cgroup_parent", "m", "here: the place of a cgroup follows from project and name"],
  ["command", ["npm", "start"], "here: commands: [[npm, start]]"],
  ["configs", ["site"], "here: inputs: [{from: ./site, to: /site}]"],
  ["container_name", "web", "here: name: web"],
  ["cpu_count", 2, "here: limits: {cpu: 2}"],
  ["cpu_percent", 50, "here: limits: {cpu: 1.5} counts CPUs, not per cent"],
  ["cpu_period", 100000, "here: limits: {cpu: 1.5} is quota divided by period"],
  ["cpu_quota", 150000, "here: limits: {cpu: 1.5}"],
  [
    "cpu_rt_period",
    1,
    "here: process: {scheduler: {policy: fifo, priority: 1}}; its share has no key here",
  ],
  [
    "cpu_rt_runtime",
    1,
    "here: process: {scheduler: {policy: fifo, priority: 1}}; its share has no key here",
  ],
  ["cpu_shares", 512, "here: limits: {cpu: {weight: 50}}"],
  ["cpus", "0.5", "here: limits: {cpu: 0.5}"],
  ["cpuset", "0-3", 'here: limits: {cpuset: "0-3"}'],
  ["credential_spec", { file: "a" }, "here: managed service accounts of Windows have no key here"],
  ["depends_on", { db: { condition: "service_healthy" } }, "here: dependsOn: {db: healthy}"],
  [
    "deploy",
    { resources: { limits: { cpus: "0.5", memory: "50M", pids: 9 } } },
    "here: limits: {cpu: 0.5, memory: 50MiB, pids: 9}",
  ],
  [
    "develop",
    { watch: [] },
    "here: mount the sources with rootfs: {layers: [{host: system}, {dir: ./src, at: /src}]}",
  ],
  [
    "device_cgroup_rules",
    ["c 1:3 mr"],
    "here: limits: {devices: [{device: /dev/fuse, access: rw}]} says it",
  ],
  ["devices", ["/dev/fuse:/dev/fuse:rw"], "here: limits: {devices: [/dev/fuse]}"],
  ["dns", "9.9.9.9", 'here: network: {dns: ["9.9.9.9"]}'],
  [
    "dns_opt",
    ["ndots:1"],
    "here: resolver options have no key here; network: {dns: […]} names the servers",
  ],
  ["dns_search", "example.org", "here: search domains have no key here; write whole names"],
  ["domainname", "example.org", "here: sysctls: {kernel.domainname: example.org}"],
  ["entrypoint", "/start.sh", "here: commands: [/start.sh]"],
  ["env_file", ".env", "here: environmentFiles: [.env]"],
  ["environment", { A: "b" }, "and ours: a map of texts; NAME=value lists are not taken"],
  ["expose", ["80"], "here: containers of one file reach each other on every port"],
  ["extends", "base", "and ours: container in place of service"],
  ["external_links", ["db"], "here: only containers of one file reach each other"],
  ["extra_hosts", ["db:10.0.0.5"], 'here: network: {names: {db: "10.0.0.5"}}'],
  ["gpus", "all", "here: limits: {devices: […]} says it, by the devices' names"],
  ["group_add", ["mail"], "here: process: {groups: [mail]}"],
  [
    "healthcheck",
    {},
    "and ours: exec or shell in place of test, startPeriod in place of start_period",
  ],
  ["hostname", "web", "and ours"],
  ["image", "nginx:1.27", 'here: rootfs: {layers: [{image: "nginx:1.27"}]}'],
  ["init", true, "and ours"],
  ["ipc", "host", "here: each container has an IPC namespace of its own"],
  ["isolation", "hyperv", "here: vm: {driver: hyperv}"],
  ["label_file", "a", "here: labels are written below labels"],
  ["labels", {}, "and ours: a map; NAME=value lists are not taken"],
  ["links", ["db:database"], "here: dependsOn: [db]"],
  [
    "logging",
    { driver: "none" },
    "here: logs are kept and rotated without a setting; logs: {maxSize: 10MiB, maxFiles: 3} is the default",
  ],
  ["mac_address", "02:42:ac:11:00:02", "here: addresses are chosen by containerv"],
  ["mem_limit", "512m", "here: limits: {memory: 512MiB}"],
  ["mem_reservation", "1g", "here: limits: {memory: {low: 1GiB}}"],
  ["mem_swappiness", 0, "here: limits: {swap: 0} forbids swap; a degree has no key here"],
  ["memswap_limit", 1073741824, "here: limits: {swap: 1GiB}"],
  ["models", [], "here: language models have no key here"],
  ["network_mode", "host", "here: network: host"],
  [
    "networks",
    ["front"],
    "here: containers of one file share one network: network: private or bridge",
  ],
  ["oom_kill_disable", true, "here: a container at its limit is killed; the exit says so"],
  ["oom_score_adj", 100, "here: process: {oomScoreAdj: 100}"],
  ["pid", "host", "here: each container has a PID namespace of its own"],
  ["pids_limit", 100, "here: limits: {pids: 100}"],
  ["platform", "linux/amd64", "here: platform: linux"],
  [
    "ports",
    ["8080:80", { target: 443, published: "8443", protocol: "tcp" }],
    'here: network: {ports: ["8080:80", "8443:443/tcp"]}',
  ],
  [
    "post_start",
    [{ command: "./migrate" }],
    'here: commands: [./migrate, "MAIN PROCESS"]: they run in order',
  ],
  ["pre_start", ["./migrate"], 'here: commands: [./migrate, "MAIN PROCESS"]: they run in order'],
  ["pre_stop", [], "here: handle stop: {signal: SIGTERM} in the program"],
  ["privileged", true, "here: say what is needed: policy: {capabilities: [SYS_ADMIN]}"],
  ["profiles", ["dev"], "and ours"],
  ["provider", { type: "x" }, "here: only containers can be described here"],
  ["pull_policy", "always", "here: an image is fetched once; a digest says which"],
  ["pull_refresh_after", "1d", "here: an image is fetched once; a digest says which"],
  ["read_only", true, "here: rootfs: {writable: false}"],
  ["restart", "unless-stopped", "and ours: unless-stopped is always here"],
  ["runtime", "runc", "here: containerv is the runtime"],
  ["scale", 3, "here: one container per name; write another below containers"],
  ["secrets", ["db"], "here: secrets: {/run/secrets/db: {file: ./db}}"],
  [
    "security_opt",
    ["no-new-privileges:true"],
    "here: policy: says what is allowed; no_new_privs is always on",
  ],
  ["shm_size", "64m", "here: /dev/shm counts into limits: {memory: …}"],
  ["stdin_open", true, "here: stdin: true"],
  ["stop_grace_period", "30s", "here: stop: {grace: 30s}"],
  ["stop_signal", "SIGINT", "here: stop: {signal: SIGINT}"],
  ["storage_opt", { size: "1G" }, "here: rootfs: {writable: {tmpfs: 1GiB}}"],
  ["sysctls", {}, "and ours: a map; NAME=value lists are not taken"],
  ["tmpfs", "/run:size=1m", "here: volumes: [{tmpfs: 64MiB, at: /run}]"],
  ["tty", true, "and ours"],
  ["ulimits", { nofile: 1024 }, "here: limits: {rlimits: {nofile: 1024}}"],
  ["use_api_socket", true, "here: there is no daemon and so no socket"],
  ["user", "1000", "and ours"],
  ["userns_mode", "host", "here: userns: host"],
  ["uts", "host", "here: each container has a host name of its own: hostname"],
  ["volumes", [], "and ours: a list; named volumes are declared at the top"],
  ["volumes_from", ["db"], "here: name the same volume in both containers"],
  ["working_dir", "/app", "here: workdir: /app"],
];

describe("each word of a compose service", () => {
  for (const [word, value, note] of WORDS) {
    test(word, () => {
      const said = explainComposeWord(word, value) ?? "";
      const isSame = note.startsWith("and ours");
      assertEquals(said, `${isSame ? "compose's word, " : "compose's word; "}${note}`);
      if (isSame) assert(Object.hasOwn(CONTAINER_KEYS, word), "our own key");
    });
  }
  test("is in the table, and in no other", () => {
    assertEquals(WORDS.map(([word]) => word).sort(), Object.keys(COMPOSE_SERVICE_WORDS).sort());
  });
  test("a rewritten line is YAML with keys of ours", () => {
    for (const [word, value, note] of WORDS) {
      const line = /^here: (\w+: [^…;]*)$/.exec(note)?.[1];
      const said = explainComposeWord(word, value)?.replace("compose's word; here: ", "");
      const answer = COMPOSE_SERVICE_WORDS[word];
      if (line === undefined || answer === undefined || !("here" in answer)) continue;
      if (said?.endsWith("in order")) continue;
      const { tree, problems } = parse(`${said}\n`, "a.yaml");
      assertEquals(problems, [], said);
      assert(tree !== undefined);
      const [key] = Object.keys(valueOf(tree) as object);
      assert(key !== undefined && (key in CONTAINER_KEYS || key in PROJECT_KEYS), said);
    }
  });
  test("that is not ours is refused as an unknown key with its answer", () => {
    for (const word of Object.keys(COMPOSE_SERVICE_WORDS)) {
      const [first] = load(`commands: [a]\n${word}: x\n`).diagnostics;
      if (word in CONTAINER_KEYS) assert(first?.code !== "UNKNOWN_KEY", word);
      else {assertEquals([first?.code, first?.note?.startsWith("compose's word")], [
          "UNKNOWN_KEY",
          true,
        ], word);}
    }
  });
});

describe("other forms of values", () => {
  const table: readonly (readonly [string, Value, string])[] = [
    ["depends_on", ["db", "cache"], "dependsOn: [db, cache]"],
    [
      "depends_on",
      { a: { condition: "service_completed_successfully" }, b: null },
      "dependsOn: {a: completed, b: started}",
    ],
    [
      "cap_drop",
      ["NET_RAW"],
      "policy: {capabilities: […]} lists those that stay; leave NET_RAW out",
    ],
    [
      "deploy",
      { replicas: 2 },
      "limits: {…} and restart: {…}; where it runs is not said in a spec",
    ],
    ["deploy", { resources: { limits: {} } }, "limits: {}"],
    ["env_file", [{ path: "a.env", required: false }, "b.env"], "environmentFiles: [a.env, b.env]"],
    ["devices", [{ source: "/dev/fuse", target: "/dev/fuse" }], "limits: {devices: [/dev/fuse]}"],
    ["extra_hosts", { db: "x" }, "network: {names: {db: x}}"],
    ["extra_hosts", ["db"], "network: {names: {db: ADDRESS}}"],
    ["mem_limit", 1048576, "limits: {memory: 1MiB}"],
    ["mem_limit", 1000, "limits: {memory: 1000B}"],
    ["mem_limit", "half", "limits: {memory: half}"],
    ["cpus", "lots", "limits: {cpu: lots}"],
    ["cpu_quota", -1, "limits: {cpu: -1}"],
    ["network_mode", "service:db", "network: private, shared by the containers of one file"],
    [
      "ports",
      [80, { target: 53, published: 53, host_ip: "0.0.0.0" }],
      'network: {ports: ["80", "0.0.0.0:53:53"]}',
    ],
    ["read_only", "false", "rootfs: {writable: tmpfs}"],
    [
      "secrets",
      [{ source: "db", target: "x" }, {}],
      "secrets: {/run/secrets/db: {file: ./db}, /run/secrets/NAME: {file: ./NAME}}",
    ],
    ["storage_opt", null, "rootfs: {writable: disk}"],
    ["userns_mode", "", "userns: auto"],
    ["isolation", "default", "platform: linux"],
  ];
  for (const [word, value, want] of table) {
    test(`${word}: ${JSON.stringify(value)}`, () => {
      assertEquals(explainComposeWord(word, value), `compose's word; here: ${want}`);
    });
  }
});

describe("the top of a compose file", () => {
  test("each key has an answer", () => {
    assertEquals(Object.keys(COMPOSE_TOP_WORDS).sort(), [
      "configs",
      "include",
      "models",
      "name",
      "networks",
      "secrets",
      "services",
      "version",
      "volumes",
    ]);
    for (const word of Object.keys(COMPOSE_TOP_WORDS)) {
      assert(explainTopWord(word)?.startsWith("compose's word"), word);
    }
  });
  test("a compose file is told both words, once each", () => {
    const { diagnostics } = load('version: "3"\nservices: {web: {image: nginx}}\n');
    assertEquals(diagnostics.map(({ note }) => note), [
      "compose's word; here: leave it out",
      "compose's word; here: the word is containers",
    ]);
  });
  test("other words have none", () => {
    assertEquals([explainComposeWord("toString", null), explainTopWord("constructor")], [
      undefined,
      undefined,
    ]);
  });
});
