/** A worker that starts a container, says who it is, and has nothing more to do. */
import { parentPort } from "node:worker_threads";
import { start } from "../../../mod.ts";

try {
  await start({ policy: "none", commands: [["/bin/sleep", "60"]] }, {
    stdin: "null",
  });
  parentPort?.postMessage({});
} catch (error) {
  parentPort?.postMessage({ refused: String(error) });
}
