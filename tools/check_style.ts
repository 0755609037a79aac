/** Sizes and forms of docs/architecture.md: lines of a file and of a function, parameters, exports, classes. */
import ts from "typescript";
import {
  finish,
  listFiles,
  parseSource,
  placeOf,
  rootArgument,
  type Source,
  visitAll,
} from "./lib/source.ts";

const FILE_LINES = 400;
const FUNCTION_LINES = 60;
const PARAMETERS = 3;
/** Objects with an identity of their own: an open file, a piece of memory. */
const CLASSES = new Set(["Fd", "Arena"]);
const FOLDERS = ["mod.ts", "spec", "runtime", "ffi", "tools", "tests", "bench"];

function lineOf(source: Source, position: number): number {
  return source.tree.getLineAndCharacterOfPosition(position).line;
}

function lineCount(source: Source, node: ts.Node): number {
  return lineOf(source, node.getEnd()) - lineOf(source, node.getStart(source.tree)) + 1;
}

function bare(node: ts.Expression): ts.Expression {
  if (
    ts.isAsExpression(node) || ts.isSatisfiesExpression(node) || ts.isParenthesizedExpression(node)
  ) {
    return bare(node.expression);
  }
  return node;
}

function hasFunction(node: ts.Node): boolean {
  let found = false;
  visitAll(node, (inner) => {
    if (ts.isFunctionLike(inner)) found = true;
  });
  return found;
}

/** Lines inside tables: top-level constants that are an object or array literal without functions. */
function tableLines(source: Source): number {
  let lines = 0;
  for (const statement of source.tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { initializer } of statement.declarationList.declarations) {
      if (initializer === undefined) continue;
      const value = bare(initializer);
      const isTable = ts.isObjectLiteralExpression(value) || ts.isArrayLiteralExpression(value) ||
        ts.isNewExpression(value) || ts.isNoSubstitutionTemplateLiteral(value);
      if (isTable && !hasFunction(value)) lines += lineCount(source, value);
    }
  }
  return lines;
}

function fileProblem(source: Source): string | undefined {
  const lines = source.text.split("\n").length - 1;
  const counted = lines - tableLines(source);
  if (counted <= FILE_LINES) return undefined;
  return `${source.path}: ${counted} lines without tables, at most ${FILE_LINES}`;
}

function isDescribe(node: ts.Node): boolean {
  const { parent } = node;
  return parent !== undefined && ts.isCallExpression(parent) &&
    /^describe\b/.test(parent.expression.getText());
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)) {
    return parent.name.getText();
  }
  return "a function";
}

function functionProblems(source: Source, node: ts.SignatureDeclaration): string[] {
  const problems: string[] = [];
  const where = placeOf(source, node);
  const lines = lineCount(source, node);
  // A group of tests is an enumeration, not a function that one reads as a whole.
  if (lines > FUNCTION_LINES && !isDescribe(node)) {
    problems.push(`${where}: ${nameOf(node)} has ${lines} lines, at most ${FUNCTION_LINES}`);
  }
  // The parameters of a callback are its caller's choice; those of the assertions the real package's.
  const free = ts.isCallExpression(node.parent) || ts.isNewExpression(node.parent) ||
    source.path === "tests/support/std_assert.ts";
  if (!free && tooManyParameters(node)) {
    problems.push(
      `${where}: ${
        nameOf(node)
      } takes more than ${PARAMETERS} positional parameters and an options object`,
    );
  }
  return problems;
}

/**
 * Whether a parameter may stand third, as the one that carries the named rest: destructured, `= {}`, or of a type with a
 * name or members of its own. Numbers, texts, lists and functions have no names at the call.
 */
function isOptionsObject({ name, type, initializer }: ts.ParameterDeclaration): boolean {
  if (ts.isObjectBindingPattern(name)) return true;
  if (initializer !== undefined && ts.isObjectLiteralExpression(initializer)) return true;
  if (type === undefined) return false;
  if (ts.isTypeLiteralNode(type)) return true;
  if (!ts.isTypeReferenceNode(type)) return false;
  return !/^(Array|ReadonlyArray|Uint8Array|Map|ReadonlyMap|Set|ReadonlySet|DataView)$/
    .test(type.typeName.getText());
}

function tooManyParameters(node: ts.SignatureDeclaration): boolean {
  const counted = node.parameters.filter((parameter) => parameter.name.getText() !== "this");
  const third = counted[PARAMETERS];
  if (third === undefined) return false;
  return counted.length > PARAMETERS + 1 || !isOptionsObject(third);
}

function hasBody(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

function classProblem(source: Source, node: ts.ClassLikeDeclaration): string | undefined {
  const name = node.name?.text ?? "a class";
  const parent = node.heritageClauses?.find((clause) =>
    clause.token === ts.SyntaxKind.ExtendsKeyword
  );
  const isError = /Error$/.test(parent?.types[0]?.expression.getText() ?? "");
  if (isError || CLASSES.has(name)) return undefined;
  return `${placeOf(source, node)}: class ${name}: only errors, ${[...CLASSES].join(" and ")} are`;
}

function nodeProblems(source: Source, node: ts.Node): string[] {
  if (ts.isExportAssignment(node)) return [`${placeOf(source, node)}: default export`];
  if (ts.canHaveModifiers(node)) {
    const modifiers = ts.getModifiers(node) ?? [];
    if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) {
      return [`${placeOf(source, node)}: default export`];
    }
  }
  if (ts.isClassLike(node)) return [classProblem(source, node) ?? []].flat();
  return hasBody(node) ? functionProblems(source, node) : [];
}

/** Every breach below `root`, as `path:line: what`. */
export function checkStyle(root: string): string[] {
  const files = listFiles(root, { folders: FOLDERS, pattern: /\.(ts|mjs)$/ });
  return files.filter((path) => !path.includes("/generated/")).flatMap((path) => {
    const source = parseSource(root, path);
    const problems = [fileProblem(source) ?? []].flat();
    const name = path.split("/").at(-1) ?? path;
    if (!/^[a-z0-9_]+\.(ts|mjs)$/.test(name)) problems.push(`${path}: the name is not snake_case`);
    visitAll(source.tree, (node) => problems.push(...nodeProblems(source, node)));
    return problems;
  });
}

if (import.meta.main) finish("style", checkStyle(rootArgument()));
