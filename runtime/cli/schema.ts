/** `containerv schema`: the JSON Schema that editors and validators use. */
import { stdout } from "./output.ts";

export async function command(): Promise<number> {
  const { schema } = await import("../../spec/model/schema.ts");
  stdout(`${JSON.stringify(schema, null, 2)}\n`);
  return 0;
}
