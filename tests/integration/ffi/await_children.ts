/** Starts a child that runs for a while and says how it ended: nothing else keeps this process. */
import { awaitChild } from "../../../ffi/linux/children.ts";
import { spawnImage } from "../../../ffi/linux/spawn.ts";
import { sleeps } from "./programs.ts";

const pid = spawnImage({ image: sleeps(200), name: "awaited", argv: ["awaited"], fds: [] });
awaitChild(pid).then((exit) => console.log(`ended ${exit.status}`));
