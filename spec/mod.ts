/**
 * spec/: text ⇄ Desired. Importing this loads the YAML parser and the validator; what a cached start needs are types only
 * (`model/desired.ts`, `model/load_result.ts`), which load nothing.
 */
export type { Desired, DesiredContainer } from "./model/desired.ts";
export type { LoadResult } from "./model/load_result.ts";
export type { ContainerSpec, ProjectSpec, Spec } from "./model/spec_type.ts";
export type { VariableSources } from "./model/variables.ts";
export type { Diagnostic, Place } from "./text/diagnostic.ts";
export { loadObject, type LoadObjectOptions, loadSpec, type LoadSpecOptions } from "./load.ts";
export { schema } from "./model/schema.ts";
