/**
 * Paths of rules. Servers do not agree on what `/a/../b`, `/a//b` or `/a%2fb` is, so a path is compared in each way that it
 * may be read: a rule that allows must cover all of them, one that denies any.
 *
 * @module
 */

/** A path exactly, or all that begins so. */
export interface PathPattern {
  readonly path: string;
  readonly prefix: boolean;
}

/**
 * Reads a pattern.
 *
 * @throws {TypeError} It is none.
 */
export function readPathPattern(text: string, place: string): PathPattern {
  const prefix = text.endsWith("*");
  const path = prefix ? text.slice(0, -1) : text;
  if (!path.startsWith("/") || /[*?#]/.test(path)) {
    throw new TypeError(`${place} must be /path or /path/*, without a query, not ${JSON.stringify(text)}`);
  }
  return { path, prefix };
}

/** Whether the patterns cover a path: in all its readings, or in any. */
export function coversPath(patterns: readonly PathPattern[], target: string, readings: "all" | "any"): boolean {
  const covered = (path: string): boolean =>
    patterns.some((pattern) => pattern.prefix ? path.startsWith(pattern.path) : path === pattern.path);
  return readings === "all" ? readingsOf(target).every(covered) : readingsOf(target).some(covered);
}

/** As it stands, decoded once and twice; each with its dot segments, and then without, and without double slashes. */
function readingsOf(target: string): string[] {
  const mark = target.search(/[?#]/);
  const raw = mark === -1 ? target : target.slice(0, mark);
  const once = decoded(raw);
  const readings = new Set<string>();
  for (const path of [raw, once, decoded(once)]) {
    const slashes = path.replaceAll("\\", "/");
    for (
      const reading of [path, withoutDots(path), withoutDots(slashes), withoutDots(slashes.replaceAll(/\/+/g, "/"))]
    ) {
      readings.add(reading);
      readings.add(reading.replaceAll(/\/+/g, "/"));
    }
  }
  return [...readings];
}

/** Each valid escape as the character of its byte; nothing here needs to know the charset. */
function decoded(path: string): string {
  return path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 3986 §5.2.4; also with parameters behind the dots (`..;a`), as some servers have it. */
function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.split("/");
  for (const [i, segment] of segments.entries()) {
    const [name] = segment.split(";", 1);
    const dots = name === "." || name === "..";
    if (name === ".." && kept.length > 1) kept.pop();
    if (!dots) kept.push(segment);
    else if (i === segments.length - 1) kept.push("");
  }
  return kept.join("/");
}
