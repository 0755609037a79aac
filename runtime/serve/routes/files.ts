/** Routes that change limits of a container that runs, and copy files into it and out of it as archives. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } from "../../../ffi/abi/fcntl.ts";
import { openat } from "../../../ffi/calls/open.ts";
import { removeTree } from "../../../ffi/linux/directory.ts";
import { Fd } from "../../../ffi/linux/fd.ts";
import { memoryFile } from "../../../ffi/linux/memory_file.ts";
import { downloadArchive, uploadArchive } from "../../lifecycle/archive.ts";
import { givenLimits } from "../../lifecycle/given_limits.ts";
import { targetOfView } from "../../lifecycle/running.ts";
import { updateLimits } from "../../lifecycle/update.ts";
import { withProjectOf } from "../../lifecycle/verbs.ts";
import { ContainervError } from "../../plan/error.ts";
import { type Answer, type Route, route } from "../route.ts";
import { meantContainer, PROJECT_FIELD } from "./meant.ts";

const LIMIT_FIELDS = {
  cpu: { kind: "text", help: "processor time, as 1.5" },
  cpuWeight: { kind: "text", help: "share of them, 1 to 10000" },
  cpuset: { kind: "text", help: "which of them, as 0-3" },
  memory: { kind: "text", help: "as 512MiB" },
  memoryHigh: { kind: "text", help: "where it is slowed down" },
  memoryLow: { kind: "text", help: "what is left to it" },
  swap: { kind: "text", help: "as 1GiB" },
  pids: { kind: "text", help: "processes, as 100" },
} as const;

const pathField = (help: string) => ({ kind: "text", help, required: true }) as const;
const FILE_PATH = "/v1/containers/{name}/archive";

/** Throws ContainervError BAD_REQUEST: as `cp`, it takes whole paths. */
function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  throw new ContainervError({
    code: "BAD_REQUEST",
    message: `path is a whole path of the container, not ${path}`,
    undone: "nothing was copied",
  });
}

/** Written to its end before the answer begins: what goes wrong is an error, and no answer that is cut. */
function archiveOf(view: ReturnType<typeof meantContainer>, path: string): Answer {
  const target = targetOfView(view);
  const scratch = mkdtempSync(join(tmpdir(), "containerv-serve-"));
  try {
    const pathname = join(scratch, "archive");
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    using writing = Fd.open(openat({ pathname, flags, mode: 0o600 }));
    const reading = Fd.open(openat({ pathname, flags: O_RDONLY | O_CLOEXEC }));
    try {
      const { archive, skipped } = downloadArchive(target, path, writing.number);
      const headers = {
        "X-Containerv-Archive": archive,
        "X-Containerv-Skipped": String(skipped.length),
      };
      return { file: reading, type: "application/x-tar", headers };
    } catch (error) {
      reading[Symbol.dispose]();
      throw error;
    }
  } finally {
    removeTree(scratch);
  }
}

export const FILE_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/containers/{name}/update",
    summary: "changes its limits while it runs: `update`",
    query: { project: PROJECT_FIELD },
    body: LIMIT_FIELDS,
    gives: "differences (key, text); spec: its file, and what of that is not so now.",
    answer: async ({ path, query: { project }, body }) => {
      const limits = givenLimits(body);
      if (limits === undefined) {
        throw new ContainervError({
          code: "BAD_REQUEST",
          message: `say which limit: ${Object.keys(LIMIT_FIELDS).join(", ")}`,
        });
      }
      const view = meantContainer(path.name, project);
      return {
        json: await withProjectOf(view, (open, now) => updateLimits(open, now, limits)),
      };
    },
  }),
  route({
    method: "GET",
    path: FILE_PATH,
    summary: "a file or a tree of it as a tar archive: `cp NAME:PATH -`",
    query: { project: PROJECT_FIELD, path: pathField("what is copied, a whole path") },
    type: "application/x-tar",
    gives:
      "The archive. The headers X-Containerv-Archive and X-Containerv-Skipped have its digest, and how many sockets and devices are not in it.",
    answer: ({ path, query: { project, path: from = "" } }) =>
      archiveOf(meantContainer(path.name, project), absolute(from)),
  }),
  route({
    method: "PUT",
    path: FILE_PATH,
    summary: "unpacks a tar archive (plain, gzip, zstd) into a directory of it: `cp - NAME:PATH`",
    query: { project: PROJECT_FIELD, path: pathField("the directory, a whole path") },
    body: "archive",
    gives: "files, directories, bytes, archive (its digest), skipped, notes (what was not kept).",
    answer: async ({ path, query: { project, path: to = "" }, content }) => {
      const directory = absolute(to);
      const target = targetOfView(meantContainer(path.name, project));
      using archive = new Fd(memoryFile("archive", content));
      const { digest: _, ...result } = await uploadArchive(target, archive.number, directory);
      return { json: result };
    },
  }),
];
