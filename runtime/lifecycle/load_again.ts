/** The spec of a project that is there, read once more. */
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { ProjectPlaces } from "../state/places.ts";
import { loadFile } from "./load.ts";
import { mergedOver } from "./project.ts";

/** `file` with all that was merged over it, whatever the caches say. Throws as `loadFile`. */
export async function loadAgain(file: string, places: ProjectPlaces): Promise<LoadResult> {
  const over = mergedOver(places);
  return await loadFile(file, { cache: false, ...(over === undefined ? {} : { over }) });
}
