/** `${{ NAME }}` in a text of a spec. `$NAME` and `${NAME}` are the shell's and stay. */

const REFERENCE = /\$\{\{(.*?)\}\}/gs;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const hasReference = (text: string): boolean => text.includes("${{");

export interface Substituted {
  readonly text: string;
  /** Names that were put in, in order. */
  readonly names: readonly string[];
  /** What stands between the braces and is no name; the end of the text when they are not closed. */
  readonly wrong: readonly string[];
}

/** Puts the value of each name in its place; one without a value stays as it stands. What is put in is not looked at again. */
export function substitute(
  text: string,
  lookUp: (name: string) => string | undefined,
): Substituted {
  const names: string[] = [];
  const wrong: string[] = [];
  const filled = text.replace(REFERENCE, (whole: string, inner: string) => {
    const name = inner.trim();
    if (!NAME.test(name)) {
      wrong.push(name);
      return whole;
    }
    names.push(name);
    return lookUp(name) ?? whole;
  });
  const rest = text.replace(REFERENCE, "");
  if (hasReference(rest)) wrong.push(rest.slice(rest.indexOf("${{"), rest.indexOf("${{") + 40));
  return { text: filled, names, wrong };
}

/** The name when the text is one reference and nothing else. */
export function onlyReference(text: string): boolean {
  return /^\s*\$\{\{[^}]*\}\}\s*$/.test(text);
}
