/** `policy` ⇄ `process.capabilities`, `noNewPrivileges`. */
import type { DesiredContainer } from "../model/desired.ts";
import type { PolicySpec } from "../model/spec_type.ts";
import type { OciPart } from "./config.ts";
import { type Document, texts } from "./document.ts";
import type { OciFacts } from "./facts.ts";
import type { OciLoss, Said } from "./loss.ts";

export function policyToOci(container: DesiredContainer, facts: OciFacts): Said<OciPart> {
  const all = facts.capabilities.map((name) => `CAP_${name}`);
  const user = facts.users[container.commands.length - 1];
  const isRoot = user?.uid === 0;
  const held = isRoot || facts.ambient ? all : [];
  const ambient = facts.ambient && !isRoot ? { inheritable: all, ambient: all } : {};
  const { sets } = facts;
  const names = (list: readonly string[]): readonly string[] => list.map((name) => `CAP_${name}`);
  const said = sets === undefined ? {} : {
    effective: names(sets.permitted),
    permitted: names(sets.permitted),
    inheritable: names(sets.inheritable),
    ambient: names(sets.ambient),
  };
  return {
    part: {
      process: {
        capabilities: { bounding: all, effective: held, permitted: held, ...ambient, ...said },
        noNewPrivileges: true,
      },
    },
    losses: [],
  };
}

const SETS = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

/** A list where the sets follow from the bounding one, else each by itself. */
export function policyFromOci(
  document: Document,
): { readonly policy: PolicySpec; readonly losses: readonly OciLoss[] } {
  const sets = Object.fromEntries(
    SETS.map((name) => [name, texts(document.take("process", "capabilities", name))]),
  ) as Readonly<Record<(typeof SETS)[number], readonly string[]>>;
  const noNewPrivileges = document.take("process", "noNewPrivileges") === true;
  const losses: OciLoss[] = [];
  const text = (names: readonly string[]): string => [...names].sort().join(" ");
  if (text(sets.permitted) !== text(sets.effective)) {
    const origin = "/process/capabilities/permitted";
    losses.push({ origin, message: "permitted and effective are one set here: the effective one" });
  }
  if (!noNewPrivileges) {
    losses.push({
      origin: "/process/noNewPrivileges",
      message: "it may gain privileges by setuid programs; here no container may",
    });
  }
  // Without a policy of system calls in the document there is none to keep.
  const { bounding, permitted, inheritable, ambient } = sets;
  // As a list says it: nobody has more than root would, or everybody all of it.
  const plain = (set: readonly string[]): boolean =>
    set.length === 0 || text(set) === text(bounding);
  const isList = plain(permitted) && plain(inheritable) && text(inheritable) === text(ambient);
  const capabilities = isList ? bounding : { bounding, permitted, inheritable, ambient };
  return { policy: { preset: "none", capabilities }, losses };
}
