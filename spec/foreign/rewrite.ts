/** Values of compose → values of ours, for the line that a message proposes. What does not fit is kept as it was written. */
import { showFlow } from "../text/flow.ts";
import type { Value } from "../text/tree.ts";

type MapValue = { readonly [key: string]: Value };

/** `nest(["limits", "pids"], 16)` → `limits: {pids: 16}`. */
export function nest(keys: readonly string[], value: Value): string {
  const [first = "", ...inner] = keys;
  const nested = inner.reduceRight<Value>((below, key) => ({ [key]: below }), value);
  return `${first}: ${showFlow(nested)}`;
}

/** One thing or a list of them → a list. */
export function asList(value: Value): readonly Value[] {
  return isList(value) ? value : [value];
}

/** A line of a shell, or argv. */
export function command(value: Value): string {
  return nest(["commands"], [value]);
}

/** `512m`, `1g`, 1048576 → `512MiB`, `1GiB`, `1MiB`: compose counts by 1024. */
export function size(value: Value): Value {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([bkmgt]?)b?$/i.exec(String(value));
  if (match === null) return value;
  const [, number = "", unit = ""] = match;
  const letter = unit.toUpperCase();
  if (letter !== "" && letter !== "B") return `${number}${letter}iB`;
  const bytes = Number(number);
  const units = ["GiB", "MiB", "KiB"];
  const factors = [1024 ** 3, 1024 ** 2, 1024];
  const index = factors.findIndex((factor) => bytes >= factor && bytes % factor === 0);
  return index === -1 ? `${number}B` : `${bytes / (factors[index] ?? 1)}${units[index]}`;
}

export function cpu(value: Value): string {
  const number = Number(value);
  return nest(
    ["limits", "cpu"],
    Number.isFinite(number) && typeof value !== "object" ? number : value,
  );
}

/** Microseconds of the default period of 100 ms → CPUs. */
export function quota(value: Value): string {
  const microseconds = Number(value);
  return nest(["limits", "cpu"], microseconds > 0 ? microseconds / 100_000 : value);
}

/** 1024 shares are the weight of 100. */
export function cpuShares(value: Value): string {
  const weight = Math.round(Number(value) * 100 / 1024);
  return nest(["limits", "cpu", "weight"], weight >= 1 ? Math.min(weight, 10_000) : value);
}

export function capabilities(value: Value): Value {
  return asList(value).map((name) => typeof name === "string" ? name.replace(/^CAP_/, "") : name);
}

export function capDrop(value: Value): string {
  const dropped = capabilities(value) as readonly Value[];
  if (dropped.some((name) => String(name).toUpperCase() === "ALL")) {
    return "policy: {capabilities: []}";
  }
  return `policy: {capabilities: […]} lists those that stay; leave ${dropped.join(", ")} out`;
}

export function networkMode(value: Value): string {
  const isKnown = value === "none" || value === "host" || value === "bridge";
  return isKnown ? `network: ${value}` : "network: private, shared by the containers of one file";
}

export function platform(value: Value): string {
  return `platform: ${String(value).split("/")[0]}`;
}

/** `["8080:80", 80, {target: 80, published: 8080}]` → our texts. */
export function ports(value: Value): Value {
  return asList(value).map((port) => {
    if (!isMap(port)) return String(port);
    const { target, published, host_ip: address, protocol } = port;
    const parts = [address, published, target].filter((part) => part !== undefined);
    return parts.join(":") + (protocol === undefined ? "" : `/${protocol}`);
  });
}

const CONDITIONS: Readonly<Record<string, string>> = {
  service_started: "started",
  service_healthy: "healthy",
  service_completed_successfully: "completed",
};

export function dependsOn(value: Value): string {
  if (!isMap(value)) return nest(["dependsOn"], asList(value));
  const entries = Object.entries(value).map(([name, how]) => {
    const condition = isMap(how) ? String(how.condition) : "";
    return [name, CONDITIONS[condition] ?? "started"] as const;
  });
  return nest(["dependsOn"], Object.fromEntries(entries));
}

/** What of `deploy` can be said: its limits. */
export function deploy(value: Value): string {
  const resources = isMap(value) ? value.resources : undefined;
  const limits = isMap(resources) ? resources.limits : undefined;
  if (!isMap(limits)) return "limits: {…} and restart: {…}; where it runs is not said in a spec";
  const { cpus, memory, pids } = limits;
  return nest(["limits"], {
    ...(cpus === undefined ? {} : { cpu: Number(cpus) }),
    ...(memory === undefined ? {} : { memory: size(memory) }),
    ...(pids === undefined ? {} : { pids }),
  });
}

export function devicePaths(value: Value): Value {
  return asList(value).map((device) =>
    isMap(device) ? device.source ?? "" : String(device).split(":")[0] ?? ""
  );
}

export function envFiles(value: Value): Value {
  return asList(value).map((file) => isMap(file) ? file.path ?? "" : file);
}

/** `["db:10.0.0.5"]`, `["db=10.0.0.5"]` or a map → a map. */
export function hosts(value: Value): Value {
  if (isMap(value)) return value;
  return Object.fromEntries(
    asList(value).map((line) => {
      const text = String(line);
      const at = text.search(/[:=]/);
      return at === -1 ? [text, "ADDRESS"] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

export function linkNames(value: Value): Value {
  return asList(value).map((link) => String(link).split(":")[0] ?? "");
}

/** configs and secrets are named in compose; here the file itself is. */
export function files(key: "inputs" | "secrets", value: Value): string {
  const names = asList(value).map((one) => String(isMap(one) ? one.source ?? "NAME" : one));
  if (key === "inputs") {
    return nest([key], names.map((name) => ({ from: `./${name}`, to: `/${name}` })));
  }
  const entries = names.map((name) => [`/run/secrets/${name}`, { file: `./${name}` }]);
  return nest([key], Object.fromEntries(entries));
}

export function hooks(value: Value): string {
  const commands = asList(value).map((hook) => isMap(hook) ? hook.command ?? "" : hook);
  return `${nest(["commands"], [...commands, "MAIN PROCESS"])}: they run in order`;
}

export function isTrue(value: Value): boolean {
  return value === true || value === "true";
}

export function storage(value: Value): string {
  const max = isMap(value) ? value.size : undefined;
  return max === undefined
    ? "rootfs: {writable: disk}"
    : nest(["rootfs", "writable", "tmpfs"], size(max));
}

export function tmpfs(value: Value): Value {
  return asList(value).map((path) => ({ tmpfs: "64MiB", at: String(path).split(":")[0] ?? "" }));
}

function isMap(value: Value | undefined): value is MapValue {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}
