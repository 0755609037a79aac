/** `exec` of /bin/true in a container that runs: containerv, crun and runc, each in its own container of the same kind. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CGROUP_PREFIX, writeBundle } from "./peers.mjs";

const STAYS = ["/bin/sleep", "infinity"];
const NAME = "bench-exec";

/** Runs a command to its end, its words to this process's standard error. @throws {Error} when it failed */
function must(argv) {
  const { status, error } = spawnSync(argv[0], argv.slice(1), { stdio: ["ignore", 2, 2] });
  if (error || status !== 0) throw error ?? new Error(`${argv.join(" ")}: exit ${status}`);
}

/** The container that stays, of the spec that `run` is measured with. @returns {{command, end}} */
function startOwn({ programs, here, work }) {
  const file = join(work, `${NAME}.yaml`);
  const words = readFileSync(join(here, "true.yaml"), "utf8");
  const line = `commands: [[${STAYS.join(", ")}]]`;
  const spec = words.replace(/^commands:.*$/m, line).replace(/^name:.*$/m, `name: ${NAME}`);
  if (!spec.includes(line) || !spec.includes(NAME)) throw new Error("bench/true.yaml is another");
  writeFileSync(file, spec);
  must([programs.containerv, "up", "-d", file]);
  return {
    // By the command line as people type it; its project is found by the name alone.
    command: { name: "containerv", argv: [programs.containerv, "exec", NAME, "--", "/bin/true"] },
    end: () => must([programs.containerv, "down", "--time", "0", file]),
  };
}

function startPeer(name, { programs, work, rootfs, lean }) {
  const id = `${CGROUP_PREFIX}${name}-exec`;
  const directory = join(work, "exec");
  const bundle = writeBundle(name, { directory, rootfs, argv: STAYS, lean });
  must([programs[name], "run", "--detach", "--bundle", bundle, id]);
  return {
    command: { name, argv: [programs[name], "exec", id, "/bin/true"] },
    end: () => must([programs[name], "delete", "--force", id]),
  };
}

/**
 * Starts the containers, has `measure` called with the commands, and ends them.
 * @param context {{programs, here, work, rootfs, lean}}
 */
export function withExecCommands(context, measure) {
  const running = [];
  try {
    if (context.programs.containerv) running.push(startOwn(context));
    for (const name of ["crun", "runc"]) {
      if (context.programs[name]) running.push(startPeer(name, context));
    }
    return measure(running.map(({ command }) => command));
  } finally {
    for (const { end } of running) end();
  }
}
