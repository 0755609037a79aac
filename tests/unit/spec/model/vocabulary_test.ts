import { describe, test } from "node:test";
import { assertEquals } from "@std/assert";
import { loadObject } from "../../../../spec/load.ts";
import type { ContainerSpec, ProjectSpec } from "../../../../spec/model/spec_type.ts";

/** Specs as the documentation shows them, with every word that is not built yet: only that is said of them. */
const BUILD: ContainerSpec = {
  volumes: ["./src:/src:ro", {
    bind: "./a",
    at: "/a",
    readonly: true,
    owner: "match",
    create: true,
  }],
  inputs: [{ from: "./site.mk", to: "/build/Makefile", mode: "0644" }],
  outputs: [
    { from: "/build/dist", to: "./dist" },
    { from: "/build/junit.xml", to: "./reports/", when: "always" },
  ],
  workdir: "/build",
  commands: [
    ["make", "config"],
    { name: "build", exec: ["make", "-j2"], timeout: "10m" },
    "test -s dist/index.html\n",
  ],
  limits: {
    cpu: 2,
    memory: { max: "1GiB", high: "900MiB", low: "10MiB" },
    swap: 0,
    io: [{ device: "/dev/sda", readBytes: "1MiB", writeOperations: 5 }],
    cpuset: "0-1",
    hugetlb: { "2MiB": "4MiB" },
    devices: ["/dev/fuse"],
    rlimits: { nofile: 1024, core: { soft: 0, hard: 0 } },
  },
  policy: "build",
  restart: { policy: "on-failure", maxRetries: 3, backoff: "1s" },
  vm: { driver: "qemu", disk: "8GiB", secureBoot: false },
  "x-own": [1],
};

const SHOP: ProjectSpec = {
  name: "shop",
  variables: { TAG: { default: "1.27" }, PGPASS: { required: "put it in .env", secret: true } },
  volumes: { data: {} },
  containers: {
    db: {
      rootfs: { layers: [{ image: "postgres:17" }] },
      volumes: ["data:/var/lib/postgresql/data"],
      secrets: { "/run/secrets/pg": "${{ PGPASS }}" },
      environment: { POSTGRES_PASSWORD_FILE: "/run/secrets/pg" },
      healthcheck: { exec: ["pg_isready"], interval: "2s", onFailure: "restart" },
      userns: {
        uids: [{ inside: 0, outside: 1000, count: 1 }],
        gids: [{ inside: 0, outside: 1000, count: 1 }],
      },
    },
    web: {
      rootfs: { layers: [{ image: "nginx:1.27" }, { dir: "./site", at: "/usr/share/nginx/html" }] },
      dependsOn: { db: "healthy" },
      healthcheck: { http: { port: 80, path: "/" } },
      network: {
        ports: ["8080:80", "80", "0.0.0.0:8080:80"],
        egress: ["a.org:443"],
        names: { a: "10.0.0.1" },
      },
      policy: {
        preset: ["build"],
        paths: [{ path: "/srv", access: ["read", "execute"] }],
        syscalls: { deny: ["bpf"] },
      },
      restart: "always",
    },
  },
};

describe("the whole vocabulary is known", () => {
  for (const [name, spec] of [["build", BUILD], ["shop", SHOP]] as const) {
    test(`${name}: nothing but "not yet" is said of it`, () => {
      const { desired, diagnostics } = loadObject(spec, {
        name,
        directory: "/project",
        variables: { set: name === "shop" ? { PGPASS: "x" } : {} },
      });
      assertEquals(desired, undefined);
      assertEquals([...new Set(diagnostics.map(({ code }) => code))], ["NOT_YET"]);
    });
  }
});
