/** `containerv serve`: the verbs by HTTP over a unix socket, until SIGTERM or ^C. */
import { keepAliveUntil } from "../../ffi/linux/children.ts";
import { listenToSignals } from "../../ffi/linux/signals.ts";
import { absolutePath } from "../lifecycle/load.ts";
import { feedWatchdog, notifyManager } from "../lifecycle/notify.ts";
import { PATIENCE } from "../serve/connection.ts";
import { defaultSocket, listenAt, passedSocket } from "../serve/listen.ts";
import { ROUTES } from "../serve/routes.ts";
import { startServer } from "../serve/server.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { OWN_FAILURE } from "./main.ts";
import { stderr } from "./output.ts";
import { ownFailure } from "./exec.ts";

export async function command({ operands, options }: Arguments): Promise<number> {
  if (operands.length > 0) throw new UsageError("serve takes no operands: --socket PATH");
  try {
    return await serve(options["--socket"]);
  } catch (error) {
    return await ownFailure(error);
  }
}

async function serve(socket: string | true | undefined): Promise<number> {
  const listening = passedSocket(process.env, process.pid) ??
    listenAt(
      typeof socket === "string" ? absolutePath(socket, process.cwd()) : defaultSocket(),
    );
  const server = await startServer(listening, { routes: ROUTES, patience: PATIENCE });
  const asked = listenForEnd();
  const unwatch = feedWatchdog();
  notifyManager("READY=1");
  stderr(`serving at ${listening.where}\n`);
  await keepAliveUntil(asked.once);
  notifyManager("STOPPING=1");
  const stopped = server.stop().then(() => 0);
  const status = await keepAliveUntil(
    Promise.race([stopped, asked.twice.then(() => OWN_FAILURE)]),
  );
  unwatch();
  return status;
}

/** Once: it ends. Twice: nobody is waited for. */
function listenForEnd(): { readonly once: Promise<void>; readonly twice: Promise<void> } {
  const once = Promise.withResolvers<void>();
  const twice = Promise.withResolvers<void>();
  let count = 0;
  listenToSignals(["SIGINT", "SIGTERM"], () => (count++ === 0 ? once : twice).resolve());
  return { once: once.promise, twice: twice.promise };
}
