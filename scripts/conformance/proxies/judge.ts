/**
 * Whether what came through a proxy is what was sent, whatever the proxy adds of its own: framing, `Via`, `Date`, what it says
 * of the client. Order and spelling count where an exchange is about them.
 *
 * @module
 */

import type { ProxyExchange } from "./exchanges.ts";
import type { Message } from "./message.ts";
import { expected, type Passed } from "./play.ts";
import { right, type Verdict, wrong } from "../verdict.ts";

/** What each hop says for itself. */
const OWN = /^(?:connection|transfer-encoding|via|keep-alive|x-forwarded-.*|x-real-ip|forwarded)$/;
/** What a proxy may add where the server has said nothing. */
const ADDED = /^(?:date|server)$/;

/** A message as far as it must pass. */
interface Meaning {
  /** The start lines, without versions. */
  readonly starts: string;
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: string;
}

/** Judges one exchange. */
export function judge(exchange: ProxyExchange, { onward, answer }: Passed): Verdict {
  const wanted = expected(exchange);
  const spelled = /spelling/.test(exchange.title);
  if (exchange.request?.includes(" HTTP/1.0¶") && /¶transfer-encoding/i.test(answer.head)) return wrong("gets chunks");
  return compare("the server gets", onward, wanted.onward, spelled) ??
    compare("the client gets", answer, wanted.answer, spelled) ?? right();
}

function compare(who: string, got: Message, wanted: Message, spelled: boolean): Verdict | null {
  const [is, be] = [meaning(got, wanted, spelled), meaning(wanted, wanted, spelled)];
  if (is.starts !== be.starts) return wrong(`${who} "${short(is.starts)}"`);
  const lost = be.fields.filter((line) => !is.fields.includes(line));
  if (lost.length > 0) return wrong(`${who} no "${short(lost[0]!)}"`);
  const more = is.fields.filter((line) => !be.fields.includes(line));
  if (more.length > 0) return wrong(`${who} "${short(more[0]!)}"`);
  if (is.fields.join("¶") !== be.fields.join("¶")) return wrong(`${who} another order, or doubles`);
  if (is.body !== be.body) return wrong(`${who} another body`);
  return is.trailers === be.trailers
    ? null
    : wrong(is.trailers === "" ? `${who} no trailers` : `${who} other trailers`);
}

function meaning({ head, body, trailers }: Message, wanted: Message, spelled: boolean): Meaning {
  const said = namesIn(wanted.head);
  const lines = head.split("¶").filter((line) => line !== "");
  const starts = lines.filter(isStart).map((line) => line.replace(/ ?HTTP\/1\.\d ?/, " ").trim());
  const via = viaOf(head);
  const kept = viaOf(wanted.head);
  const fields = lines.filter((line) => !isStart(line)).flatMap((line) => {
    const [, name = "", value = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const lower = name.toLowerCase();
    if (OWN.test(lower)) return [];
    if (lower === "content-length" && (body !== "" || !said.has("content-length"))) return [];
    if (ADDED.test(lower) && !said.has(lower)) return [];
    return [`${spelled ? name : lower}: ${value}`];
  });
  if (kept !== "") fields.push(via.startsWith(kept) ? kept : via);
  return {
    starts: starts.join(" | "),
    fields: spelled ? fields : fields.toSorted(),
    body,
    trailers: trailers.toLowerCase(),
  };
}

/** The hops that a message has passed. */
function viaOf(head: string): string {
  return [...head.matchAll(/¶via:[ \t]*([^¶]*)/gi)].map(([, hops]) => hops!.trim()).join(", ");
}

function namesIn(head: string): Set<string> {
  return new Set(head.split("¶").filter((line) => !isStart(line)).map((line) => line.split(":")[0]!.toLowerCase()));
}

function isStart(line: string): boolean {
  return /^HTTP\/1\.\d |^\S+ .* HTTP\/1\.\d$/.test(line);
}

function short(text: string): string {
  return text.length > 32 ? `${text.slice(0, 31)}…` : text;
}
