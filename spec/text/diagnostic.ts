/** A place in a text: line and column are 1-based, columns count characters; offset is 0-based in UTF-16 units. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  /** Length of the marked text, in characters; 0 = only the place. */
  readonly length: number;
}

/** One thing that is wrong (or doubtful) with a text, as data; `runtime/show` prints it. */
export interface Diagnostic {
  /** A word, stable: tests and docs/errors.md refer to it. */
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  /** JSON pointer of the value concerned, as `/limits/memory`; "" is the whole document. */
  readonly pointer: string;
  /** Absent for a spec given as an object: the pointer stands in for it. */
  readonly place?: Place;
  /** The line of the text that the place is in, without its newline. */
  readonly source?: string;
  /** Shown behind the caret: why, or what the word is called here. */
  readonly note?: string;
  /** What to write instead. */
  readonly fix?: string;
}
