/** The server: takes connections of those who may, and ends them when it is told to. It keeps nothing: all is read where it is recorded. */
import { createServer, type Socket } from "node:net";
import type { ErrorFacts } from "../plan/error.ts";
import { refusal } from "./admit.ts";
import { attend, type Connection, type ConnectionOptions } from "./connection.ts";
import { encodeHead } from "./http/response.ts";
import type { Listening } from "./listen.ts";
import { statusOf } from "./status.ts";

const CONNECTIONS_MAX = 256;
/** How long somebody who is refused may take to read why. */
const REFUSED_MS = 1000;

export interface Server {
  /** Takes nobody more, and ends the connections: streams at once, else when what is done is done. */
  readonly stop: () => Promise<void>;
}

/** Serves on a socket that listens; it takes its descriptor over. */
export async function startServer(
  listening: Listening,
  options: ConnectionOptions,
): Promise<Server> {
  const connections = new Set<Connection>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const why = refusal(socket);
    if (why !== undefined) {
      return refuse(socket, { code: "PEER_REFUSED", message: `you may not: ${why}` });
    }
    if (connections.size >= CONNECTIONS_MAX) {
      const message = `${CONNECTIONS_MAX} connections are open`;
      return refuse(socket, { code: "TOO_MANY_CONNECTIONS", message });
    }
    const connection = attend(socket, options);
    connections.add(connection);
    void connection.closed.then(() => connections.delete(connection));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ fd: listening.fd.release() }, resolve);
  });
  return {
    async stop() {
      listening.remove();
      server.close();
      for (const { stop } of connections) stop();
      await Promise.all([...connections].map(({ closed }) => closed));
    },
  };
}

/** Says why and reads nothing of it. */
function refuse(socket: Socket, error: ErrorFacts): void {
  const body = new TextEncoder().encode(`${JSON.stringify({ error })}\n`);
  const head = { status: statusOf(error.code), type: "application/json", length: body.length };
  socket.on("error", () => socket.destroy());
  socket.on("data", () => {});
  socket.write(encodeHead({ ...head, keepAlive: false }));
  socket.end(body);
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS);
  socket.on("end", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
}
