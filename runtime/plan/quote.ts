/** `text` between double quotes, with the escapes that strace and C use. */
export function quote(text: string): string {
  let out = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '"' || character === "\\") out += `\\${character}`;
    else if (character === "\n") out += "\\n";
    else if (character === "\t") out += "\\t";
    else if (code < 32 || code === 127) out += `\\${code.toString(8)}`;
    else out += character;
  }
  return `${out}"`;
}
