/**
 * What the rules of documentation say of themselves: kernel calls name their header, kernel, need and man page; the public
 * API is described and shown; links lead somewhere; nothing of one machine stands in the tree.
 *
 * `CONTAINERV_FORBIDDEN_WORDS` (separated by commas) adds words that must not occur, as names of a workplace's tools.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import process from "node:process";
import ts from "typescript";
import { finish, listFiles, parseSource, placeOf, rootArgument, visitAll } from "./lib/source.ts";

/** What the comment right before a node says, without the stars. */
function docOf(node: ts.Node): string {
  const docs = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  return docs.map((doc) => doc.getText().replace(/^[ \t]*(\/\*\*|\*\/|\*) ?/gm, "")).join("\n");
}

function isExported(node: ts.Statement): boolean {
  const modifiers = ts.canHaveModifiers(node) ? ts.getModifiers(node) ?? [] : [];
  return modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
}

const CALL_LINES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["Header", /^Header\s+\S/m],
  ["Since", /^Since\s+\S/m],
  ["Needs", /^Needs\s+\S/m],
  ["@see", /^@see \S/m],
];

/** Makes a kernel call: gives a Syscall and was given none. record.ts has the constructor that all of them use. */
function isCall(node: ts.FunctionDeclaration): boolean {
  if (node.type?.getText() !== "Syscall") return false;
  return node.parameters.every((parameter) => parameter.type?.getText() !== "Syscall");
}

/** Each exported kernel call of ffi/calls tells where it is from; the other exports have a description. */
export function checkCalls(root: string): string[] {
  const files = listFiles(root, { folders: ["ffi/calls"], pattern: /\.ts$/ })
    .filter((path) => path !== "ffi/calls/record.ts");
  return files.flatMap((path) => {
    const source = parseSource(root, path);
    const calls = source.tree.statements.filter((node) =>
      isExported(node) && ts.isFunctionDeclaration(node)
    ) as ts.FunctionDeclaration[];
    return calls.flatMap((node) => {
      const doc = docOf(node);
      if (!isCall(node)) {
        return doc === ""
          ? [`${placeOf(source, node)}: ${node.name?.text} has no description`]
          : [];
      }
      const lacking = CALL_LINES.filter(([, pattern]) => !pattern.test(doc)).map(([name]) => name);
      if (lacking.length === 0) return [];
      return [`${placeOf(source, node)}: ${node.name?.text} lacks ${lacking.join(", ")}`];
    });
  });
}

function docOfSymbol(symbol: ts.Symbol): string {
  return (symbol.declarations ?? []).map((declaration) => {
    // The comment of a constant stands before its whole statement.
    const statement = ts.isVariableDeclaration(declaration)
      ? declaration.parent.parent
      : declaration;
    return docOf(statement);
  }).join("\n");
}

/** Every export of mod.ts has a description; what can be called has an example too. */
export function checkApi(root: string): string[] {
  const entry = join(root, "mod.ts");
  if (!existsSync(entry)) return [];
  const options: ts.CompilerOptions = {
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    noEmit: true,
    noLib: true,
    types: [],
  };
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(entry);
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  if (module === undefined) return ["mod.ts: exports nothing"];
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const target = (symbol.flags & ts.SymbolFlags.Alias) !== 0
      ? checker.getAliasedSymbol(symbol)
      : symbol;
    const doc = docOfSymbol(target);
    if (doc.trim() === "") return [`mod.ts: ${symbol.name} has no description`];
    const callable = (target.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Class)) !== 0;
    if (callable && !/^@example/m.test(doc)) return [`mod.ts: ${symbol.name} has no @example`];
    return [];
  });
}

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^(```+|~~~+)[\s\S]*?^\1/gm, "").replace(/`[^`\n]*`/g, "");
}

function linkProblem(root: string, link: { readonly from: string; readonly to: string }) {
  const [path = "", anchor] = link.to.split("#");
  const target = path === "" ? link.from : posix.normalize(posix.join(dirname(link.from), path));
  const file = join(root, target);
  if (!existsSync(file)) return `${link.from}: the link ${link.to} leads nowhere`;
  if (anchor === undefined || !target.endsWith(".md")) return undefined;
  const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, text]) =>
    anchorOf(text ?? "")
  );
  return headings.includes(anchor) ? undefined : `${link.from}: no heading for ${link.to}`;
}

/** Relative links of all Markdown files resolve, with their anchors. */
export function checkLinks(root: string): string[] {
  const folders = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "examples",
    "ffi",
    "spec",
    "runtime",
  ];
  return listFiles(root, { folders, pattern: /\.md$/ }).flatMap((from) => {
    const text = withoutCode(readFileSync(join(root, from), "utf8"));
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, to]) => to ?? "")
      .filter((to) => !/^[a-z]+:/.test(to))
      .map((to) => linkProblem(root, { from, to }))
      .filter((problem) => problem !== undefined);
  });
}

function codeTexts(node: ts.Node | undefined): string[] {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return /^[A-Z][A-Z0-9_]+$/.test(node.text) ? [node.text] : [];
  if (ts.isConditionalExpression(node)) {
    return [...codeTexts(node.whenTrue), ...codeTexts(node.whenFalse)];
  }
  return ts.isParenthesizedExpression(node) || ts.isAsExpression(node)
    ? codeTexts(node.expression)
    : [];
}

/** The codes that a node gives to an error: `code: …`, `new HostError(…)`, `new ImageError(…)`, `return …` in a function codeOf. */
function codesAt(node: ts.Node): string[] {
  if (ts.isPropertyAssignment(node) && node.name.getText() === "code") {
    return codeTexts(node.initializer);
  }
  if (ts.isNewExpression(node) && /^(Host|Image)Error$/.test(node.expression.getText())) {
    return codeTexts(node.arguments?.[0]);
  }
  if (ts.isReturnStatement(node)) {
    const owner = ts.findAncestor(node, ts.isFunctionDeclaration);
    return owner?.name?.text === "codeOf" ? codeTexts(node.expression) : [];
  }
  return [];
}

/** Every code of an error or warning has its heading in docs/errors.md, and every heading there is a code. */
export function checkErrorCodes(root: string): string[] {
  const page = join(root, "docs/errors.md");
  if (!existsSync(page)) return [];
  const headings = [...readFileSync(page, "utf8").matchAll(/^### `?([A-Z][A-Z0-9_]+)`?$/gm)]
    .map(([, code]) => code ?? "");
  const used = new Map<string, string>();
  for (const path of listFiles(root, { folders: ["spec", "runtime"], pattern: /\.ts$/ })) {
    const source = parseSource(root, path);
    visitAll(source.tree, (node) => {
      for (const code of codesAt(node)) used.set(code, placeOf(source, node));
    });
  }
  return [
    ...[...used].filter(([code]) => !headings.includes(code))
      .map(([code, place]) => `${place}: docs/errors.md does not tell what ${code} is`),
    ...headings.filter((code) => !used.has(code))
      .map((code) => `docs/errors.md: no error has the code ${code}`),
  ];
}

/** The public registry is a name that specs may well allow; a mirror's is nobody's business. */
function registryHost(root: string): string[] {
  const url = execFileSync("npm", ["config", "get", "registry"], { cwd: root, encoding: "utf8" });
  const { host } = new URL(url.trim());
  return host === "registry.npmjs.org" ? [] : [host];
}

/** Texts that must not be in the tree: where this checkout lies, the registry's mirror, and what the caller adds. */
export function forbiddenTexts(root: string): string[] {
  const place = resolve(root);
  const parent = dirname(place);
  const words = (process.env["CONTAINERV_FORBIDDEN_WORDS"] ?? "").split(",").filter(Boolean);
  const places = [place, parent].filter((path) => path.split("/").filter(Boolean).length > 0);
  return [...new Set([...places.map((path) => `${path}/`), ...registryHost(root), ...words])];
}

/** Tracked and new files of git; without git every text file. */
function treeFiles(root: string): string[] {
  if (!existsSync(join(root, ".git"))) {
    return listFiles(root, { folders: ["."], pattern: /\.[a-z]+$/ });
  }
  const args = ["ls-files", "--cached", "--others", "--exclude-standard"];
  const names = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n");
  return names.filter((name) => name !== "" && existsSync(join(root, name)));
}

/** `path:line` of each forbidden text; a path counts only where a path begins (`/opt/a/` is not in `/srv/opt/a/`). */
export function checkTree(root: string, texts: readonly string[] = forbiddenTexts(root)): string[] {
  const patterns = texts.map((text) => {
    const literal = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(text.startsWith("/") ? `(?<![\\w./-])${literal}` : literal, "i");
  });
  return treeFiles(root).flatMap((path) => {
    const lines = readFileSync(join(root, path), "utf8").split("\n");
    return lines.flatMap((line, index) =>
      patterns.some((pattern) => pattern.test(line))
        ? [`${path}:${index + 1}: names this machine`]
        : []
    );
  });
}

/** All of the above. */
export function checkDocs(root: string): string[] {
  const checks = [checkCalls, checkApi, checkLinks, checkErrorCodes, checkTree];
  return checks.flatMap((check) => check(root));
}

if (import.meta.main) finish("docs", checkDocs(rootArgument()));
