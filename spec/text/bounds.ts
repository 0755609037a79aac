/**
 * How much of a spec is read at all. Each bound is checked before the work that it bounds, so that a hostile
 * file costs a message, not memory. All are far above what a person writes: 2,000 lines are about 6,000 nodes.
 */

/** Bytes of UTF-8. */
export const MAX_BYTES = 1024 * 1024;
/** Maps and lists inside each other. */
export const MAX_DEPTH = 64;
/** Scalars, maps and lists as written. */
export const MAX_NODES = 20_000;
/** The same after each alias is replaced by what it stands for. */
export const MAX_EXPANDED_NODES = 40_000;
/** `*name` in one file. */
export const MAX_ALIASES = 1_000;
/** Pieces that the lexer cuts the text into (blanks, comments and indicators count too). */
export const MAX_LEXEMES = 60_000;
/** Characters of one key; the YAML specification gives implicit keys the same bound. */
export const MAX_KEY_LENGTH = 1_024;
/**
 * Characters of one text. execve(2) takes no longer argument or variable (MAX_ARG_STRLEN, 32 pages), so nothing of use is
 * lost; and the YAML library builds a text character by character, which costs 25 bytes for each.
 */
export const MAX_TEXT_LENGTH = 131_072;
/** More diagnostics than this are counted, not listed. */
export const MAX_DIAGNOSTICS = 100;
/** Faults that get a hint (a near word, another tool's word): the rest could not be listed anyway. */
export const MAX_HINTED = 300;
