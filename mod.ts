/**
 * containerv: a declarative container runner. As a module, the library; as the main module, the command line.
 *
 * @example
 * ```ts
 * import { run } from "containerv";
 *
 * const { code, stdout } = await run({ commands: [["echo", "hello"]] });
 * ```
 *
 * @module
 */
export {
  type CommandOptions,
  type Container,
  type Copied,
  type CopyResult,
  type ExecOptions,
  type Exit,
  load,
  type LoadedSpec,
  type LoadFileOptions,
  type LogLine,
  type Output,
  type OutputOption,
  plan,
  type Pressure,
  type Process,
  run,
  type RunOptions,
  start,
  type StartOptions,
  type StdioOptions,
  type Usage,
} from "./runtime/lifecycle/library.ts";
export { ContainervError, type ErrorFacts } from "./runtime/plan/error.ts";
export type { Host } from "./runtime/plan/host.ts";
export type { Loss, Plan } from "./runtime/plan/plan.ts";
export type { Spec } from "./spec/model/spec_type.ts";
export type { Diagnostic, Place } from "./spec/text/diagnostic.ts";

if (import.meta.main) {
  const { runMain } = await import("./runtime/cli/main.ts");
  await runMain();
}
