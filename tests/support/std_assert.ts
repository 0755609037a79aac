/**
 * The part of `@std/assert` that our tests use, under its names and with its behaviour, without a download.
 *
 * The real package is one line away: in deno.json map `"@std/assert"` to `"jsr:@std/assert@1"`
 * (tests that need a name missing here then still work; Bun and Node keep this file by tsconfig.json).
 */
import { inspect } from "node:util";
import { equal } from "./equal.ts";

export { equal };

/** What every assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

type Newable<T> = abstract new (...args: never[]) => T;

function show(value: unknown): string {
  return inspect(value, { depth: 20, maxArrayLength: 200, breakLength: 80, sorted: true });
}

function lines(actual: string, expected: string): string {
  const left = actual.split("\n");
  const right = expected.split("\n");
  const out: string[] = [];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [a, b] = [left[index], right[index]];
    if (a === b) out.push(`    ${a}`);
    else {
      if (a !== undefined) out.push(`  - ${a}`);
      if (b !== undefined) out.push(`  + ${b}`);
    }
  }
  return out.join("\n");
}

function failed(what: string, message: string | undefined): never {
  throw new AssertionError(message === undefined ? what : `${message}: ${what}`);
}

/** Throws unless `condition` is truthy. */
export function assert(condition: unknown, message = "assertion failed"): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Throws unless `condition` is falsy. */
export function assertFalse(condition: unknown, message?: string): asserts condition is false {
  if (condition) failed(`expected a falsy value, got ${show(condition)}`, message);
}

/** Throws always. */
export function fail(message?: string): never {
  failed("failed", message);
}

/** Deep equality; the error shows both sides, `-` actual, `+` expected. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) return;
  failed(
    `values are not equal (- actual, + expected)\n${lines(show(actual), show(expected))}`,
    message,
  );
}

/** Throws when both are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  if (equal(actual, expected)) failed(`both are ${show(actual)}`, message);
}

/** `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  failed(
    `values are not the same (- actual, + expected)\n${lines(show(actual), show(expected))}`,
    message,
  );
}

/** Neither null nor undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) failed(`expected a value, got ${actual}`, message);
}

export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  if (!(actual > expected)) {
    failed(`${show(actual)} is not greater than ${show(expected)}`, message);
  }
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual >= expected)) failed(`${show(actual)} is less than ${show(expected)}`, message);
}

export function assertLess<T>(actual: T, expected: T, message?: string): void {
  if (!(actual < expected)) failed(`${show(actual)} is not less than ${show(expected)}`, message);
}

export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  if (!(actual <= expected)) failed(`${show(actual)} is greater than ${show(expected)}`, message);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  if (actual.search(expected) < 0) failed(`${show(actual)} does not match ${expected}`, message);
}

export function assertNotMatch(actual: string, expected: RegExp, message?: string): void {
  if (actual.search(expected) >= 0) failed(`${show(actual)} matches ${expected}`, message);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  if (!actual.includes(expected)) failed(`${show(actual)} has no ${show(expected)}`, message);
}

/** Each item of `expected` is (deeply) in `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  message?: string,
): void {
  const missing = Array.from(expected).filter((want) =>
    !Array.from(actual).some((item) => equal(item, want))
  );
  if (missing.length > 0) failed(`${show(actual)} lacks ${show(missing)}`, message);
}

export function assertInstanceOf<T>(
  actual: unknown,
  type: Newable<T>,
  message?: string,
): asserts actual is T {
  if (!(actual instanceof type)) failed(`${show(actual)} is not a ${type.name}`, message);
}

function project(actual: unknown, shape: unknown): unknown {
  if (Array.isArray(actual) && Array.isArray(shape)) {
    return actual.map((item, index) => index < shape.length ? project(item, shape[index]) : item);
  }
  const plain = (x: unknown): x is Record<PropertyKey, unknown> =>
    typeof x === "object" && x !== null && !Array.isArray(x) && !(x instanceof Map) &&
    !(x instanceof Set) && !(x instanceof Date) && !(x instanceof RegExp) && !ArrayBuffer.isView(x);
  if (!plain(actual) || !plain(shape)) return actual;
  const part: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(shape)) {
    if (key in actual) part[key] = project(actual[key], shape[key]);
  }
  return part;
}

/** `actual` has (at least) the properties of `expected`, at any depth. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- the type of the real package
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  message?: string,
): void {
  assertEquals(project(actual, expected), expected as unknown, message);
}

/** Checks that `error` is an Error of the class with the text in its message; each may be left out. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  type?: Newable<E>,
  includes?: string | RegExp,
  message?: string,
): asserts error is E {
  if (!(error instanceof Error)) failed(`${show(error)} is not an Error`, message);
  if (type !== undefined && !(error instanceof type)) {
    failed(`expected ${type.name}, got ${error.name}: ${error.message}`, message);
  }
  if (includes === undefined) return;
  const found = typeof includes === "string"
    ? error.message.includes(includes)
    : includes.test(error.message);
  if (!found) failed(`the message ${show(error.message)} has no ${show(includes)}`, message);
}

interface ErrorCheck {
  readonly type?: Newable<Error> | undefined;
  readonly includes?: string | undefined;
  readonly message?: string | undefined;
}

/** Tells `(message)` from `(ErrorClass, includes, message)`. */
function splitCheck(args: readonly unknown[]): ErrorCheck {
  const [first, includes, message] = args;
  if (typeof first !== "function") return { message: first as string | undefined };
  return {
    type: first as unknown as Newable<Error>,
    includes: includes as string | undefined,
    message: message as string | undefined,
  };
}

/** The function throws; gives the error back. `(fn, message)` or `(fn, ErrorClass, text in its message, message)`. */
export function assertThrows(fn: () => unknown, message?: string): unknown;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  type: Newable<E>,
  includes?: string,
  message?: string,
): E;
export function assertThrows(fn: () => unknown, ...args: unknown[]): unknown {
  const { type, includes, message } = splitCheck(args);
  let caught: { readonly error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    caught = { error };
  }
  if (caught === undefined) failed("expected the function to throw", message);
  if (type !== undefined) assertIsError(caught.error, type, includes, message);
  return caught.error;
}

/** As `assertThrows`, for a promise. A synchronous throw is a failure, as in the real package. */
export function assertRejects(fn: () => PromiseLike<unknown>, message?: string): Promise<unknown>;
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  type: Newable<E>,
  includes?: string,
  message?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  ...args: unknown[]
): Promise<unknown> {
  const { type, includes, message } = splitCheck(args);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    failed(`the function threw (not rejected): ${show(error)}`, message);
  }
  let caught: { readonly error: unknown } | undefined;
  try {
    await promise;
  } catch (error) {
    caught = { error };
  }
  if (caught === undefined) failed("expected the promise to reject", message);
  if (type !== undefined) assertIsError(caught.error, type, includes, message);
  return caught.error;
}
