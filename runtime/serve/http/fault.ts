/** Why a request is refused before anybody looks at what it asks for. */
export interface Fault {
  /** Status of HTTP. */
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A request that is no HTTP/1.1, or not of the kind that is taken here. */
export const badRequest = (message: string, status = 400): Fault => ({
  status,
  code: "BAD_REQUEST",
  message,
});

/** What is longer than is taken. */
export const tooLarge = (status: number, message: string): Fault => ({
  status,
  code: "REQUEST_TOO_LARGE",
  message,
});
