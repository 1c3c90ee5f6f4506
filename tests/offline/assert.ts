/**
 * Stands in for `@std/assert` where JSR cannot be reached: the same names, types and meaning for everything that
 * package exports, with plainer messages.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect } from "node:util";
import { equal } from "./equal.ts";

export { equal };

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;
type Falsy = false | 0 | 0n | "" | null | undefined;

/** What every assertion throws. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const { message } = new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" });
  refuse(`Values are not equal${suffix(msg)}\n${message}`);
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) refuse(`Expected actual: ${show(actual)} not to be: ${show(expected)}${suffix(msg)}`);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (!Object.is(actual, expected)) {
    refuse(`Values are not strictly equal${suffix(msg)}\n  actual: ${show(actual)}\n  expected: ${show(expected)}`);
  }
}

export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (Object.is(actual, expected)) {
    refuse(`Expected "actual" to not be strictly equal to: ${show(actual)}${suffix(msg)}`);
  }
}

export function assertAlmostEquals(actual: number, expected: number, tolerance?: number, msg?: string): void {
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  if (Object.is(actual, expected) || Math.abs(expected - actual) <= allowed) return;
  refuse(`Expected actual: ${actual} to be close to ${expected} within ${allowed}${suffix(msg)}`);
}

export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    refuse(`Expected actual: ${actual} to not be null or undefined${suffix(msg)}`);
  }
}

export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg = ""): asserts actual is InstanceType<T> {
  if (!(actual instanceof expectedType)) {
    refuse(`Expected object to be an instance of "${expectedType.name}" but was ${show(actual)}${suffix(msg)}`);
  }
}

export function assertNotInstanceOf<A, T>(
  actual: A,
  // deno-lint-ignore no-explicit-any
  unexpectedType: abstract new (...args: any[]) => T,
  msg?: string,
): asserts actual is Exclude<A, T> {
  if (actual instanceof unexpectedType) {
    refuse(`Expected object to not be an instance of "${unexpectedType.name}"${suffix(msg)}`);
  }
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) refuse(`Expect ${show(actual)} > ${show(expected)}${suffix(msg)}`);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual >= expected)) refuse(`Expect ${show(actual)} >= ${show(expected)}${suffix(msg)}`);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) refuse(`Expect ${show(actual)} < ${show(expected)}${suffix(msg)}`);
}

export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual <= expected)) refuse(`Expect ${show(actual)} <= ${show(expected)}${suffix(msg)}`);
}

export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) refuse(`Expected actual: ${show(actual)} to match: ${expected}${suffix(msg)}`);
}

export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) refuse(`Expected actual: ${show(actual)} to not match: ${expected}${suffix(msg)}`);
}

export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    refuse(`Expected actual: ${show(actual)} to contain: ${show(expected)}${suffix(msg)}`);
  }
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T> & object,
  expected: ArrayLike<T> & object,
  msg?: string,
): void {
  const items = Array.from(actual);
  const missing = Array.from(expected).filter((value) => !items.some((item) => equal(item, value)));
  if (missing.length > 0) refuse(`Expected actual: ${show(actual)} to include: ${show(missing)}${suffix(msg)}`);
}

export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(commonPart(actual, expected), commonPart(expected, expected), msg);
}

export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: ErrorClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) refuse(`Expected "error" to be an Error object${suffix(msg)}`);
  if (ErrorClass !== undefined && !(error instanceof ErrorClass)) {
    const { name, message } = error;
    refuse(
      `Expected error to be instance of "${ErrorClass.name}", but was ${show(`${name}: ${message}`)}${suffix(msg)}`,
    );
  }
  const { message } = error;
  if (
    typeof msgMatches === "string"
      ? !message.includes(msgMatches)
      : msgMatches !== undefined && !msgMatches.test(message)
  ) {
    refuse(`Expected error message to include ${show(msgMatches)}, but got ${show(message)}${suffix(msg)}`);
  }
}

export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  let thrown: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  if (thrown === undefined) {
    refuse(`Expected function to throw${suffix(typeof classOrMsg === "string" ? classOrMsg : msg)}`);
  }
  if (typeof classOrMsg === "function") assertIsError(thrown.error, classOrMsg, msgIncludes, msg);
  return thrown.error;
}

export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const note = suffix(typeof classOrMsg === "string" ? classOrMsg : msg);
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    promise = undefined;
  }
  if (typeof promise?.then !== "function") refuse(`Function throws when expected to reject${note}`);
  let rejected: { error: unknown } | undefined;
  try {
    await promise;
  } catch (error) {
    rejected = { error };
  }
  if (rejected === undefined) refuse(`Expected function to reject${note}`);
  if (typeof classOrMsg === "function") assertIsError(rejected.error, classOrMsg, msgIncludes, msg);
  return rejected.error;
}

export function fail(msg?: string): never {
  refuse(`Failed assertion${suffix(msg)}`);
}

export function unimplemented(msg?: string): never {
  refuse(`Unimplemented${suffix(msg)}`);
}

export function unreachable(reason?: string): never {
  refuse(`Unreachable${suffix(reason)}`);
}

function refuse(message: string): never {
  throw new AssertionError(message);
}

function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}

function show(value: unknown): string {
  return inspect(value, { depth: 5 });
}

/** What of `value` the pattern speaks of; instances become plain objects, as only their properties count. */
function commonPart(value: unknown, pattern: unknown): unknown {
  if (!isObject(value) || !isObject(pattern) || value instanceof RegExp) return value;
  if (Array.isArray(value) && Array.isArray(pattern)) {
    return value.slice(0, pattern.length).map((item, index) => commonPart(item, pattern[index]));
  }
  if (value instanceof Map && pattern instanceof Map) {
    return new Map(
      [...value].filter(([key]) => pattern.has(key)).map(([key, item]) => [key, commonPart(item, pattern.get(key))]),
    );
  }
  if (value instanceof Set && pattern instanceof Set) return new Set([...value].filter((item) => pattern.has(item)));
  const keys = Reflect.ownKeys(value).filter((key) => Object.hasOwn(pattern, key));
  return Object.fromEntries(keys.map((key) => [key, commonPart(Reflect.get(value, key), Reflect.get(pattern, key))]));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
