/**
 * When a server wants to be asked again: `Retry-After` (RFC 9110 §10.2.3), seconds or a date. `retry()` asks.
 *
 * @module
 */

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
/** The three forms of RFC 9110 §5.6.7; the last two are obsolete, and recipients know them. */
const FORMS: readonly RegExp[] = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<time>\d\d:\d\d:\d\d) GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/,
];

/** How many milliseconds are to be waited from `now` on, at least 0; `null` where the value says nothing. */
export function retryAfterMs(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = parseDate(value, now);
  return date === null ? null : Math.max(0, date - now);
}

function parseDate(text: string, now: number): number | null {
  for (const form of FORMS) {
    const groups = form.exec(text)?.groups;
    if (groups === undefined) continue;
    const { day, month, year, time } = groups as Record<"day" | "month" | "year" | "time", string>;
    const at = MONTHS.indexOf(month);
    if (at === -1 || at % 3 !== 0) return null;
    const [hours, minutes, seconds] = time.split(":").map(Number) as [number, number, number];
    if (hours > 23 || minutes > 59 || seconds > 60) return null;
    return Date.UTC(fullYear(year, now), at / 3, Number(day), hours, minutes, seconds);
  }
  return null;
}

/** Two digits of a year that seems to be more than 50 years ahead mean the last century that ended so. */
function fullYear(digits: string, now: number): number {
  if (digits.length === 4) return Number(digits);
  const current = new Date(now).getUTCFullYear();
  const year = current - current % 100 + Number(digits);
  return year > current + 50 ? year - 100 : year;
}
