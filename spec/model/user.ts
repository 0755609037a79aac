import type { Context, Part } from "./context.ts";
import { join } from "../text/tree.ts";
import type { DesiredUser, DesiredUserns, IdMap } from "./desired.ts";
import type { IdMapsSpec } from "./spec_type.ts";
import { byType, list, map, type Schema } from "./fragment.ts";

/** 2^32 - 1 is `(uid_t)-1`, which setresuid and chown take as "leave it" (setresuid(2)). */
export const MAX_ID = 4_294_967_294;
const NUMBER = /^(?:0|[1-9][0-9]{0,9})$/;
/** What useradd(8) accepts, in capitals too. The first is a letter, so no name can be mistaken for a number. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?$/;

export const USER_SCHEMA: Schema = byType({
  string: { minLength: 1, maxLength: 64 },
  integer: { minimum: 0, maximum: MAX_ID },
}, {
  title: "User",
  description:
    'Who the commands run as: `1000`, `"1000:1000"`, or names of the container\'s own /etc/passwd and /etc/group. Numbers are plain decimal, 0 to 4294967294. Default: 0.',
  default: 0,
  examples: ["1000:1000", "nobody"],
  "x-expects": 'a user such as 1000, "1000:1000" or nobody',
});

const ID_RANGES: Schema = list(
  map({
    inside: { type: "integer", minimum: 0, maximum: MAX_ID, "x-expects": "a number" },
    outside: { type: "integer", minimum: 0, maximum: MAX_ID, "x-expects": "a number" },
    count: { type: "integer", minimum: 1, maximum: MAX_ID, "x-expects": "a number" },
  }, { required: ["inside", "outside", "count"] }),
  { minItems: 1, "x-expects": "a list such as [{inside: 0, outside: 100000, count: 65536}]" },
);

export const USERNS_SCHEMA: Schema = byType({
  string: { enum: ["auto", "host"] },
  object: map({ uids: ID_RANGES, gids: ID_RANGES }, {
    description: "Which ids inside are which ids outside.",
    required: ["uids", "gids"],
  }),
}, {
  title: "User namespace",
  description:
    "`auto`: ids of the container's own. For an ordinary user: theirs is root inside, and all that /etc/subuid and /etc/subgid give them follow it (one id where newuidmap or such a line is missing). For root: 65536 ids that no other container has, of the line in /etc/subuid and /etc/subgid for containerv, containers or root. `host`: the ids are the host's own, for root only. A map says which ids inside are which outside. Default: `host` for root, else `auto`.",
  examples: ["auto", {
    uids: [{ inside: 0, outside: 100000, count: 65536 }],
    gids: [{ inside: 0, outside: 100000, count: 65536 }],
  }],
  "x-expects": "auto, host, or a map such as {uids: […], gids: […]}",
});

/** The kernel takes so many lines; see user_namespaces(7). */
const LINES_MAX = 340;

/** Checks what the kernel would refuse without saying why: ids beyond the last, ranges that overlap, too many of them. */
export function normaliseUserns(
  context: Context,
  { value, pointer }: Part<"auto" | "host" | IdMapsSpec | undefined>,
): DesiredUserns {
  if (value === undefined) return "default";
  if (typeof value === "string") return value;
  for (const key of ["uids", "gids"] as const) {
    checkRanges(context, { value: value[key], pointer: join(pointer, key) });
  }
  return { uids: value.uids, gids: value.gids };
}

function checkRanges(context: Context, { value, pointer }: Part<readonly IdMap[]>): void {
  if (value.length > LINES_MAX) {
    const message = `${value.length} ranges; the kernel takes ${LINES_MAX}`;
    context.report({ code: "BAD_ID_MAP", message, pointer });
  }
  value.forEach((range, index) => {
    const problem = rangeProblem(range, value.slice(0, index));
    if (problem === undefined) return;
    context.report({ code: "BAD_ID_MAP", message: problem, pointer: join(pointer, index) });
  });
}

function rangeProblem(range: IdMap, before: readonly IdMap[]): string | undefined {
  for (const side of ["inside", "outside"] as const) {
    const end = range[side] + range.count;
    if (end - 1 > MAX_ID) return `${side} goes up to ${end - 1}; the last id is ${MAX_ID}`;
    const other = before.findIndex((one) => one[side] < end && range[side] < one[side] + one.count);
    if (other >= 0) return `${side} overlaps with range ${other + 1}`;
  }
  return undefined;
}

/**
 * `1000`, `1000:1000`, `name`, `name:group` → ids or names. What looks like a number but is not one in range is never
 * taken for a name: an image's passwd could map that name to 0.
 */
export function normaliseUser(context: Context, part: Part<string | number>): DesiredUser {
  const { value, pointer } = part;
  if (typeof value === "number") return { user: value };
  const [user = "", group, ...rest] = value.split(":");
  if (rest.length > 0) {
    const message = `"${value}" has more than one \`:\``;
    context.report({ code: "BAD_USER", message, pointer, fix: 'user: "USER:GROUP"' });
    return { user: 0 };
  }
  const result = { user: readId(context, { value: user, pointer }) };
  return group === undefined
    ? result
    : { ...result, group: readId(context, { value: group, pointer }) };
}

function readId(context: Context, { value, pointer }: Part<string>): number | string {
  if (NUMBER.test(value) && Number(value) <= MAX_ID) return Number(value);
  if (NAME.test(value)) return value;
  const problem = explain(value);
  context.report({ code: "BAD_USER", pointer, ...problem });
  return value;
}

function explain(value: string): { message: string; note?: string; fix?: string } {
  if (value === "") return { message: "a user or group is missing", fix: 'user: "1000:1000"' };
  if (/^[0-9]+$/.test(value) && !value.startsWith("0")) {
    return { message: `${value} is not an id: they go from 0 to ${MAX_ID}` };
  }
  if (/^0+[0-9]+$/.test(value)) {
    const decimal = value.replace(/^0+(?=.)/, "");
    return { message: `"${value}" starts with a zero`, note: `ids are decimal: ${decimal}` };
  }
  if (/^[-+\s]*[0-9]/.test(value)) {
    const message = `${JSON.stringify(value)} is neither a plain number nor a name`;
    return { message, note: "a name starts with a letter or `_`" };
  }
  return {
    message: `${JSON.stringify(value)} is not the name of a user or group`,
    note: "letters, digits, `_`, `.`, `-`, at most 32, the first a letter or `_`",
  };
}
