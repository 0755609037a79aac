/** Deep equality with the semantics of `@std/assert`, so that the shim and the real package agree. */

const OPAQUE = new Set<unknown>([WeakMap, WeakSet, WeakRef, Promise]);

function sameKind(a: object, b: object): boolean {
  const left = Object.getPrototypeOf(a);
  const right = Object.getPrototypeOf(b);
  if (left === right) return true;
  // An object without prototype counts as a plain one: parsers make them on purpose.
  const plain = (proto: unknown) => proto === null || proto === Object.prototype;
  return plain(left) && plain(right);
}

type Seen = Map<object, Set<object>>;

function sameBytes(a: ArrayBufferView | ArrayBuffer, b: ArrayBufferView | ArrayBuffer): boolean {
  const view = (x: ArrayBufferView | ArrayBuffer) =>
    x instanceof ArrayBuffer
      ? new Uint8Array(x)
      : new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  const left = view(a);
  const right = view(b);
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function sameSet(a: ReadonlySet<unknown>, b: ReadonlySet<unknown>, seen: Seen): boolean {
  if (a.size !== b.size) return false;
  const rest = [...b];
  for (const item of a) {
    const index = rest.findIndex((other) => same(item, other, seen));
    if (index < 0) return false;
    rest.splice(index, 1);
  }
  return true;
}

function sameMap(
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  seen: Seen,
): boolean {
  if (a.size !== b.size) return false;
  const rest = [...b];
  for (const [key, value] of a) {
    const index = rest.findIndex(([k, v]) => same(key, k, seen) && same(value, v, seen));
    if (index < 0) return false;
    rest.splice(index, 1);
  }
  return true;
}

function sameProperties(a: object, b: object, seen: Seen): boolean {
  const keys = Reflect.ownKeys(a).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(a, key)
  );
  const other = Reflect.ownKeys(b).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(b, key)
  );
  if (keys.length !== other.length) return false;
  return keys.every((key) =>
    Object.prototype.propertyIsEnumerable.call(b, key) &&
    same(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

function sameObjects(a: object, b: object, seen: Seen): boolean {
  if (!sameKind(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (OPAQUE.has(a.constructor)) return false;
  if (a instanceof ArrayBuffer || ArrayBuffer.isView(a)) return sameBytes(a, b as ArrayBuffer);
  if (a instanceof Error && (a.message !== (b as Error).message || a.name !== (b as Error).name)) {
    return false;
  }
  if (a instanceof Set) return sameSet(a, b as Set<unknown>, seen);
  if (a instanceof Map) return sameMap(a, b as Map<unknown, unknown>, seen);
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false;
  return sameProperties(a, b, seen);
}

function same(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  // A pair that is being compared further up is taken as equal: cycles end here.
  const partners = seen.get(a);
  if (partners?.has(b)) return true;
  seen.set(a, (partners ?? new Set()).add(b));
  const result = sameObjects(a, b, seen);
  if (!result) seen.get(a)?.delete(b);
  return result;
}

/** True when the two values are deeply equal; 0 equals -0, NaN equals NaN, a missing key differs from undefined. */
export function equal(a: unknown, b: unknown): boolean {
  return same(a, b, new Map());
}
