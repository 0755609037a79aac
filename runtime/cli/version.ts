/** `containerv version`. */
import { VERSION } from "../version.ts";
import type { Arguments } from "./arguments.ts";
import { stdout } from "./output.ts";

export async function command({ options }: Arguments): Promise<number> {
  if (options["--licenses"] === true) {
    const { licenseNotices } = await import("./licenses.ts");
    stdout(licenseNotices());
  } else if (options["--json"] === true) stdout(`${JSON.stringify({ version: VERSION })}\n`);
  else stdout(`containerv ${VERSION}\n`);
  return 0;
}
