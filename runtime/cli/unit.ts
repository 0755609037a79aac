/** `containerv unit`: a unit of systemd that brings a project up after a reboot. */
import { factsOf } from "../apply/facts.ts";
import { installUnit, projectUnit } from "../lifecycle/unit.ts";
import { getuid } from "../../ffi/linux/file.ts";
import type { Arguments } from "./arguments.ts";
import { BAD_INPUT, OWN_FAILURE } from "./main.ts";
import { stderr, stdout } from "./output.ts";
import { showFailure } from "./spec.ts";
import { readWanted } from "./up.ts";

export async function command(given: Arguments): Promise<number> {
  const wanted = await readWanted(given);
  if (wanted === undefined) return BAD_INPUT;
  const { desired, file, over } = wanted;
  const options = { file, over, profiles: given.lists?.["--profile"] ?? [] };
  if (given.options["--install"] !== true) {
    stdout(projectUnit(desired, options));
    return 0;
  }
  try {
    const path = installUnit(desired, options);
    const name = path.slice(path.lastIndexOf("/") + 1);
    stderr(`✔ ${path}\n`);
    stderr(
      getuid() === 0
        ? `switch it on: systemctl daemon-reload && systemctl enable --now ${name}\n`
        : `switch it on: systemctl --user daemon-reload && systemctl --user enable --now ${name} && loginctl enable-linger\n`,
    );
    return 0;
  } catch (error) {
    await showFailure(factsOf(error), {});
    return OWN_FAILURE;
  }
}
