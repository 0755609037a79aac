/** Every route. */
import { VERSION } from "../version.ts";
import { openapi } from "./openapi.ts";
import { type Route, route } from "./route.ts";
import { CONTAINER_ROUTES } from "./routes/containers.ts";
import { EXEC_ROUTES } from "./routes/exec.ts";
import { FILE_ROUTES } from "./routes/files.ts";
import { PROJECT_ROUTES } from "./routes/projects.ts";
import { STREAM_ROUTES } from "./routes/streams.ts";

export const ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/version",
    summary: "the server's version: `version --json`",
    gives: "`{version}`.",
    answer: () => ({ json: { version: VERSION } }),
  }),
  route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "this interface, described by OpenAPI 3.1",
    gives: "The document.",
    answer: () => ({ json: openapi(ROUTES, VERSION) }),
  }),
  ...PROJECT_ROUTES,
  ...CONTAINER_ROUTES,
  ...STREAM_ROUTES,
  ...EXEC_ROUTES,
  ...FILE_ROUTES,
];
