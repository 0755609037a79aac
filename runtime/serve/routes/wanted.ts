/** A spec that a request gives, or names → what is wanted of which project. */
import { hideIn } from "../../../spec/text/hide.ts";
import type { Desired } from "../../../spec/model/desired.ts";
import type { LoadResult } from "../../../spec/model/load_result.ts";
import { entryKind } from "../../../ffi/linux/file.ts";
import { absolutePath, loadFile, loadRead } from "../../lifecycle/load.ts";
import { nearestPlace } from "../../lifecycle/places.ts";
import { chooseProfiles } from "../../lifecycle/projects.ts";
import { ContainervError, type ErrorFacts } from "../../plan/error.ts";
import type { Fields, Given } from "../http/fields.ts";

/** How a spec is given: in the body, or by its file. */
export const SPEC_FIELDS = {
  file: {
    kind: "text",
    help: "absolute path of the spec, read by the server; then there is no body. As `up FILE`",
  },
  base: {
    kind: "text",
    help:
      "absolute path of the directory that relative paths in the body start at, and .env lies in; as `up -` there. Without it they are errors",
  },
  set: { kind: "pairs", help: "the value of a declared variable" },
  profile: { kind: "words", help: "with the containers of this profile" },
} as const satisfies Fields;

export interface Wanted {
  readonly desired: Desired;
  /** What stands for the file in the project's identity. */
  readonly file: string;
  readonly result: LoadResult;
}

/** As it is called in messages. */
const SHOWN = "request";

function badRequest(message: string): ContainervError {
  return new ContainervError({ code: "BAD_REQUEST", message, undone: "nothing was done" });
}

function checkedPath(name: string, path: string | undefined): string | undefined {
  if (path !== undefined && !path.startsWith("/")) throw badRequest(`${name} is no absolute path`);
  return path === undefined ? undefined : absolutePath(path, "/");
}

/** Checks it as files are; errors of the spec are in the result. Throws ContainervError. */
export async function loadGiven(
  { file, base, set }: Given<typeof SPEC_FIELDS>,
  content: Uint8Array,
): Promise<{ readonly result: LoadResult; readonly file: string }> {
  const variables = set === undefined ? {} : { variables: set };
  const path = checkedPath("file", file);
  const directory = checkedPath("base", base);
  if (path !== undefined) {
    if (content.length > 0 || directory !== undefined) {
      throw badRequest("file names the spec: then there is neither a body nor a base");
    }
    return { result: await loadFile(path, { cache: false, ...variables }), file: path };
  }
  if (content.length === 0) throw badRequest("a spec is needed: as the body, or by file");
  if (directory !== undefined && entryKind(directory) !== "directory") {
    throw badRequest(`base: there is no directory ${directory}`);
  }
  const key = { file: SHOWN, directory: directory ?? "/", bytes: content, version: "" };
  const baseless = directory === undefined;
  const result = await loadRead({ key }, { ...variables, baseless });
  return { result, file: absolutePath("-", directory ?? "/") };
}

/** What is wanted. Throws ContainervError: SPEC_INVALID with all diagnostics, BAD_REQUEST. */
export async function readWanted(
  given: Given<typeof SPEC_FIELDS>,
  content: Uint8Array,
): Promise<Wanted> {
  const { result, file } = await loadGiven(given, content);
  if (result.desired === undefined) throw invalid(result);
  // By a name that nobody has chosen two clients would replace each other's containers.
  if (given.file === undefined && result.places["/name"] === undefined) {
    throw badRequest("a spec in a request needs a `name:`");
  }
  const desired = chooseProfiles(result.desired, given.profile ?? []);
  if (typeof desired === "string") throw badRequest(desired);
  return { desired, file, result };
}

function invalid({ diagnostics }: LoadResult): ContainervError {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
  return new ContainervError({
    code: "SPEC_INVALID",
    message: `${first?.message ?? "the spec is wrong"}${more}`,
    diagnostics,
    undone: "nothing was done",
  });
}

/** An error with its place in the spec, and without values that are hidden. */
export function locatedIn({ places, hidden }: LoadResult, facts: ErrorFacts): ErrorFacts {
  const place = facts.place ?? nearestPlace(facts.pointer ?? "", places);
  return hideIn(place === undefined ? facts : { ...facts, place }, hidden);
}
