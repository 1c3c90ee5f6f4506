/**
 * Deep equality as `@std/assert` understands it, which is not quite as `node:assert` does: 0 equals -0, an object
 * without a prototype equals a plain one, and instances of a class are compared with what their prototypes offer.
 *
 * @module
 */

/** Compared by their text, as they have no keys. */
const printable: ReadonlySet<unknown> = new Set([RegExp.prototype, URL.prototype, URLSearchParams.prototype]);

/** Tells whether two values are the same all the way down. */
export function equal(actual: unknown, expected: unknown): boolean {
  return compare(actual, expected, new Map());
}

function compare(a: unknown, b: unknown, seen: Map<object, object>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());

  const prototype = Object.getPrototypeOf(a) ?? Object.prototype;
  if (prototype !== (Object.getPrototypeOf(b) ?? Object.prototype)) return false;
  if (printable.has(prototype)) return String(a) === String(b);
  if (a instanceof ArrayBuffer) return compareItems(new Uint8Array(a), new Uint8Array(b as ArrayBuffer));
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) return compareItems(a as Uint8Array, b as Uint8Array);
  if (a instanceof WeakMap || a instanceof WeakSet) throw new TypeError("Cannot compare weak collections");
  if (a instanceof WeakRef) return compare(a.deref(), (b as WeakRef<WeakKey>).deref(), seen);

  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  if (a instanceof Map || a instanceof Set) return compareEntries(a, b as typeof a, seen);
  return [...keysOf(a, prototype), ...keysOf(b, prototype)].every((key) =>
    key in a && key in b && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

function compareItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && !Object.is(a[i], b[i])) return false;
  }
  return true;
}

function compareEntries(
  a: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>,
  b: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>,
  seen: Map<object, object>,
): boolean {
  const others = [...b.entries()];
  return a.size === b.size &&
    [...a.entries()].every(([key, value]) =>
      others.some(([otherKey, otherValue]) => compare(key, otherKey, seen) && compare(value, otherValue, seen))
    );
}

/** Own keys; for instances of a class also those of its prototypes, so that getters count. */
function keysOf(value: object, prototype: object): Set<PropertyKey> {
  if (prototype === Object.prototype) return new Set(Reflect.ownKeys(value).filter((key) => isEnumerable(value, key)));
  const keys = new Set(Reflect.ownKeys(value));
  if (prototype === Array.prototype) return keys;
  for (let at = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) keys.add(key);
  }
  return keys;
}

function isEnumerable(value: object, key: PropertyKey): boolean {
  return Object.prototype.propertyIsEnumerable.call(value, key);
}
