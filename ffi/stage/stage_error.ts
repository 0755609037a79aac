/** A program that can't be encoded: a fault of the program that made it, never of the user's spec. */
export class StageError extends Error {
  override readonly name = "StageError";
  /** Index of the instruction in the program, where one is to blame. */
  readonly instruction: number | undefined;

  constructor(message: string, instruction?: number) {
    super(instruction === undefined ? message : `instruction ${instruction}: ${message}`);
    this.instruction = instruction;
  }
}
