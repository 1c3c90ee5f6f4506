/**
 * Masking keys from the platform's strong source of randomness (RFC 6455 §10.3), drawn many at once.
 *
 * @module
 */

const keys = new Int32Array(2048);
let next = keys.length;

/** 32 unpredictable bits, never the same ones twice. */
export function maskingKey(): number {
  if (next === keys.length) {
    crypto.getRandomValues(keys);
    next = 0;
  }
  const key = keys[next]!;
  keys[next++] = 0;
  return key;
}
