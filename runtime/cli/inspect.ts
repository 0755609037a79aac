/** `containerv inspect`: the isolation that a container really has, as the kernel tells it. */
import { factsOf } from "../apply/facts.ts";
import { inspect } from "../lifecycle/inspect.ts";
import { showInspect } from "../show/inspect.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { stdout } from "./output.ts";
import { showFailure } from "./spec.ts";

/** There is no such container. */
const NOT_THERE = 1;

export async function command({ operands, options }: Arguments): Promise<number> {
  const [what] = operands;
  if (what === undefined || operands.length > 1) {
    throw new UsageError("name one container, pid or spec");
  }
  try {
    const found = await inspect(what);
    const out = options["--json"] === true
      ? `${JSON.stringify(found.map(({ name, isolation }) => ({ name, ...isolation })), null, 2)}\n`
      : found.map(({ name, isolation }) => showInspect(isolation, name)).join("\n");
    stdout(out);
    return 0;
  } catch (error) {
    await showFailure(factsOf(error), {});
    return NOT_THERE;
  }
}
