/** What is wrong with an archive, an image or the store. docs/errors.md has a heading per code. */

export type ImageErrorCode =
  | "ARCHIVE_DAMAGED"
  | "ARCHIVE_REFUSED"
  | "ARCHIVE_TOO_LARGE"
  | "ARCHIVE_UNREADABLE"
  | "DIGEST_MISMATCH"
  | "IMAGE_AMBIGUOUS"
  | "IMAGE_INVALID"
  | "IMAGE_NOT_FOUND"
  | "IMAGE_PLATFORM"
  | "STORE_UNUSABLE";

export interface ImageErrorFacts {
  readonly fix?: string;
  /** The call that failed, as strace prints it. */
  readonly syscall?: string;
  readonly errno?: number;
}

/** Nothing of it was kept. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code: ImageErrorCode;
  readonly facts: ImageErrorFacts;

  constructor(code: ImageErrorCode, message: string, facts: ImageErrorFacts = {}) {
    super(message);
    this.code = code;
    this.facts = facts;
  }
}
