/** What a container was made of, in few bytes: so that most comparisons need not read what it was. */
import { createHash } from "node:crypto";
import type { DesiredContainer } from "../../spec/model/desired.ts";
import type { ContainerRecord } from "../state/record.ts";

/** SHA-256 of plain data, in hexadecimal. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

/** What is recorded of a container: values of secrets are kept nowhere. */
export function withoutSecrets(container: DesiredContainer): DesiredContainer {
  const secrets = container.secrets.map((one) => "value" in one ? { ...one, value: "" } : one);
  return { ...container, secrets };
}

/** Of what is wanted, and of the values of its secrets by themselves. */
export function specDigests(
  container: DesiredContainer,
): Pick<ContainerRecord["digest"], "spec" | "secrets"> {
  const values = container.secrets.flatMap((one) => "value" in one ? [[one.at, one.value]] : []);
  return {
    spec: digestOf(withoutSecrets(container)),
    ...(values.length === 0 ? {} : { secrets: digestOf(values) }),
  };
}
