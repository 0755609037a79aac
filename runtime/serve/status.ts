/** Code of an error → status of HTTP. What is not here is 500: something failed that the request could not help. */

const BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  400: ["BAD_REQUEST", "EMPTY_COMMAND", "BAD_NAME"],
  403: ["NOT_PERMITTED", "PEER_REFUSED", "ORIGIN_REFUSED"],
  404: ["NO_SUCH_ROUTE", "NO_SUCH_CONTAINER", "NO_SUCH_PROJECT"],
  409: [
    "AMBIGUOUS_NAME",
    "CHANGE_NEEDS_RESTART",
    "DEPENDENCY_FAILED",
    "KEPT_IN_USE",
    "NAME_TAKEN",
    "NOT_PAUSED",
    "NOT_RUNNING",
    "PAUSED",
    "RUNNING",
    "SUPERVISED",
    "UNHEALTHY",
  ],
  413: ["REQUEST_TOO_LARGE"],
  422: [
    // The spec, the command, or an archive.
    "ARCHIVE_DAMAGED",
    "ARCHIVE_REFUSED",
    "ARCHIVE_TOO_LARGE",
    "ARCHIVE_UNREADABLE",
    "COMMAND_NOT_EXECUTABLE",
    "COMMAND_NOT_FOUND",
    "COPY_FAILED",
    "NO_SUCH_SIGNAL",
    "OUTPUT_TOO_LARGE",
    "SPEC_INVALID",
    "SPEC_UNREADABLE",
    // What this machine, or this user, can't have.
    "CAPABILITY_MISSING",
    "FILESYSTEM_MISSING",
    "IMAGE_INVALID",
    "IMAGE_NOT_FOUND",
    "IMAGE_UNREADABLE",
    "INPUT_MISSING",
    "LIMITS_NEED_ROOT",
    "LIMIT_NOT_HERE",
    "NO_CONTROLLER",
    "NO_DEVICE",
    "NO_DISK",
    "NO_SUCH_USER",
    "SECRET_UNREADABLE",
    "VOLUME_SOURCE_MISSING",
  ],
  503: ["STOPPING", "TOO_MANY_CONNECTIONS"],
};

const STATUS: ReadonlyMap<string, number> = new Map(
  Object.entries(BY_STATUS).flatMap(([status, codes]) =>
    codes.map((code) => [code, Number(status)] as const)
  ),
);

/** Every status that an error can have, with its codes. */
export const STATUSES: Readonly<Record<number, readonly string[]>> = BY_STATUS;

export const statusOf = (code: string): number => STATUS.get(code) ?? 500;
