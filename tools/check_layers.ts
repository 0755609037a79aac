/**
 * Import directions of docs/architecture.md, and what product code must never touch: other programs, code from text,
 * a JS runtime's own names outside the seam.
 */
import { join, posix } from "node:path";
import ts from "typescript";
import {
  finish,
  listFiles,
  parseSource,
  placeOf,
  PRODUCT,
  rootArgument,
  type Source,
  visitAll,
} from "./lib/source.ts";

interface Rule {
  /** Layers whose values and types may be imported, besides the own. */
  readonly values: readonly string[];
  /** Layers of which only types may be imported. */
  readonly types?: readonly string[];
  /** npm packages. */
  readonly packages?: readonly string[];
  /** Whether `node:` modules may be imported: pure layers run anywhere. */
  readonly node?: boolean;
}

const FFI = ["abi", "calls", "wire", "stage", "seam", "memory", "linux", "windows"]
  .map((name) => `ffi/${name}`);
const EFFECTS = ["observe", "state", "image", "vm", "apply"].map((name) => `runtime/${name}`);
const PURE = ["spec", "runtime/plan", "runtime/subjects", "runtime/show"];
const VERSION = "runtime/version.ts";
const ABOVE = ["runtime/lifecycle", "runtime/pid1d", "runtime/serve", "runtime/cli", VERSION];
const ALL = [...FFI, ...PURE, ...EFFECTS, ...ABOVE];
const READER: Rule = { values: FFI, types: ["runtime/plan"], node: true };

/** Layer → what it may import. A folder that is not here is not part of the design. */
export const RULES: Readonly<Record<string, Rule>> = {
  "ffi/abi": { values: [] },
  "ffi/seam": { values: [] },
  "ffi/calls": { values: ["ffi/abi"] },
  "ffi/wire": { values: ["ffi/abi"] },
  "ffi/stage": { values: ["ffi/calls", "ffi/abi"] },
  "ffi/memory": { values: ["ffi/seam", "ffi/abi"] },
  "ffi/linux": { values: FFI, node: true },
  "ffi/windows": { values: FFI, node: true },
  spec: { values: ["ffi/abi"], packages: ["yaml", "ajv"] },
  "runtime/plan": {
    values: ["ffi/calls", "ffi/wire", "ffi/abi", "ffi/stage/layout"],
    types: ["spec", "ffi/stage/language"],
  },
  "runtime/subjects": { values: ["spec", "runtime/plan", "ffi/abi", "ffi/wire", "ffi/calls"] },
  "runtime/show": { values: ["runtime/plan", "spec/text"] },
  "runtime/observe": READER,
  "runtime/state": READER,
  "runtime/image": { ...READER, packages: ["xxhash-wasm"] },
  "runtime/vm": READER,
  "runtime/apply": {
    values: ["runtime/plan", "runtime/state", "runtime/vm", ...FFI],
    node: true,
  },
  "runtime/lifecycle": { values: [...FFI, ...PURE, ...EFFECTS, VERSION], node: true },
  // HTTP itself: bytes in, bytes out.
  "runtime/serve/http": { values: ["ffi/memory/bytes"] },
  "runtime/serve": {
    values: [...FFI, ...PURE, ...EFFECTS, "runtime/lifecycle", VERSION],
    node: true,
  },
  "runtime/pid1d": { values: ["runtime/lifecycle", "runtime/vm"], node: true },
  // The program's version and digest: a constant that the build fills in.
  [VERSION]: { values: [] },
  "runtime/cli": { values: ALL, packages: ["arg"], node: true },
  "mod.ts": { values: ALL, node: true },
};

/** The layer of a file: the longest rule that its path begins with. */
export function layerOf(path: string): string | undefined {
  return Object.keys(RULES)
    .filter((layer) => path === layer || path.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return clause.name === undefined && named !== undefined && ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly);
}

function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  visitAll(source.tree, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier;
      if (from === undefined || !ts.isStringLiteral(from)) return;
      found.push({ from: from.text, typeOnly: isTypeOnly(node), node });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const literal = node.argument.literal;
      if (ts.isStringLiteral(literal)) found.push({ from: literal.text, typeOnly: true, node });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteralLike(argument)) {
        found.push({ from: argument.text, typeOnly: false, node });
      }
    }
  });
  return found;
}

function within(path: string, layers: readonly string[]): boolean {
  return layers.some((layer) =>
    path === layer || path.startsWith(`${layer}/`) || path === `${layer}.ts`
  );
}

/** Why the import is against the rules; undefined = it is allowed. */
function importProblem(source: Source, { from, typeOnly }: Import): string | undefined {
  const layer = layerOf(source.path);
  const rule = layer === undefined ? undefined : RULES[layer];
  if (layer === undefined || rule === undefined) return "lies in no layer of the design";
  if (/^(node:)?child_process$/.test(from)) return `imports ${from}: no other program is run`;
  if (from.startsWith("node:")) {
    return rule.node === true ? undefined : `imports ${from}: ${layer} is pure`;
  }
  if (!from.startsWith(".")) {
    const name = from.split("/")[0] ?? from;
    return rule.packages?.includes(name) ? undefined : `imports the package ${from}`;
  }
  const target = posix.normalize(posix.join(posix.dirname(source.path), from));
  if (within(target, [layer, ...rule.values])) return undefined;
  if (within(target, rule.types ?? [])) {
    return typeOnly ? undefined : `imports values of ${target}: only types may be`;
  }
  return `imports ${target}: ${layer} may not`;
}

function isGlobal(node: ts.Node, names: readonly string[]): boolean {
  if (ts.isIdentifier(node)) return names.includes(node.text);
  return ts.isPropertyAccessExpression(node) && isGlobal(node.expression, ["globalThis"]) &&
    names.includes(node.name.text);
}

/** What a node does that no product code may do. */
function forbidden(node: ts.Node, inSeam: boolean): string | undefined {
  if (ts.isCallExpression(node) && isGlobal(node.expression, ["eval", "Function"])) {
    return "makes code from text";
  }
  if (ts.isNewExpression(node) && isGlobal(node.expression, ["Function"])) {
    return "makes code from text";
  }
  if (ts.isPropertyAccessExpression(node) && isGlobal(node.expression, ["Bun", "Deno"])) {
    const name = node.name.text;
    if (["spawn", "spawnSync", "$", "Command", "run"].includes(name)) return "runs another program";
    if (!inSeam) return `names a runtime (${node.getText()}): only ffi/seam may`;
  }
  if (ts.isStringLiteralLike(node) && node.text === "bun:ffi" && !inSeam) {
    return "names bun:ffi: only ffi/seam may";
  }
  return undefined;
}

function checkSource(source: Source): string[] {
  if (layerOf(source.path) === undefined) return [`${source.path}: lies in no layer of the design`];
  const problems: string[] = [];
  for (const item of importsOf(source)) {
    const problem = importProblem(source, item);
    if (problem !== undefined) problems.push(`${placeOf(source, item.node)}: ${problem}`);
  }
  const inSeam = layerOf(source.path) === "ffi/seam";
  visitAll(source.tree, (node) => {
    const problem = forbidden(node, inSeam);
    if (problem !== undefined) problems.push(`${placeOf(source, node)}: ${problem}`);
  });
  return problems;
}

/** Every breach in the product code below `root`, as `path:line: what`. */
export function checkLayers(root: string): string[] {
  const files = listFiles(root, { folders: PRODUCT, pattern: /\.(ts|js|mjs)$/ });
  return files.flatMap((path) => checkSource(parseSource(root, path)));
}

if (import.meta.main) finish("layers", checkLayers(join(rootArgument())));
