/** Where in a spec something stands. */
import type { LoadResult } from "../../spec/model/load_result.ts";
import type { Place } from "../../spec/text/diagnostic.ts";

/** The place of the value at `pointer`, or of the nearest one above it that has one. */
export function nearestPlace(pointer: string, places: LoadResult["places"]): Place | undefined {
  let at = pointer;
  while (at !== "" && places[at] === undefined) at = at.slice(0, at.lastIndexOf("/"));
  return at === "" ? undefined : places[at];
}
