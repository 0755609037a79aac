import type { Context, Part } from "./context.ts";
import type { DesiredUser } from "./desired.ts";
import { byType, list, map, notYet, type Schema } from "./fragment.ts";

/** 2^32 - 1 is `(uid_t)-1`, which setresuid and chown take as "leave it" (setresuid(2)). */
const MAX_ID = 4_294_967_294;
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
  object: notYet(
    map({ uids: ID_RANGES, gids: ID_RANGES }, {
      description: "Which ids inside are which ids outside.",
      required: ["uids", "gids"],
    }),
    "What works: userns: auto.",
  ),
}, {
  title: "User namespace",
  description:
    "`auto`: one where it is needed (an ordinary user always needs one). `host`: the ids are the host's own.",
  default: "auto",
  examples: ["auto"],
  "x-expects": "auto or host",
});

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
