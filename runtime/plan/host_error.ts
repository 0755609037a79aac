import type { Origin } from "../../spec/model/desired.ts";

/** This machine, or this user, cannot have what the spec asks for. Nothing was done. */
export class HostError extends Error {
  readonly code: string;
  readonly origin: Origin;
  readonly fix: string | undefined;

  constructor(code: string, what: { origin: Origin; message: string; fix?: string }) {
    super(what.message);
    this.name = "HostError";
    this.code = code;
    this.origin = what.origin;
    this.fix = what.fix;
  }
}
