/** Runs /bin/true in the container whose first process has the pid of the first argument, with the capabilities of the others: for tests that slow a joiner down. */
import process from "node:process";
import { startExec } from "../../../runtime/lifecycle/exec.ts";
import { identify } from "../../../runtime/state/identity.ts";
import { loadObject } from "../../../spec/load.ts";

const known = identify(Number(process.argv[2]));
const { desired } = loadObject({
  policy: { preset: "none", capabilities: process.argv.slice(3) as never },
  environment: { TOKEN: "canary-in-the-environment" },
}, {
  name: "box",
  directory: "/",
});
const container = desired?.containers[0];
if (known === undefined || container === undefined) throw new Error("there is no such container");
const command = { exec: ["/bin/true"], shell: false, once: false, origin: "command line" };
const started = startExec({ ...known, name: "box", container }, command, {
  announce: false,
  stdio: [0, 1, 2],
});
process.exitCode = (await started.ended).status;
