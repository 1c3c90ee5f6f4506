/**
 * What a reverse proxy must pass unharmed, through a chain of them that speak HTTP/2 with each other: HTTP/1.1 becomes HTTP/2, goes on as
 * that, and becomes HTTP/1.1 again.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { exchanges, type ProxyExchange } from "../../scripts/conformance/proxies/exchanges.ts";
import { flows } from "../../scripts/conformance/proxies/flows.ts";
import type { Message } from "../../scripts/conformance/proxies/message.ts";
import { type Cut, expected, type Passed, play } from "../../scripts/conformance/proxies/play.ts";
import { chained } from "../support/reverse.ts";
import { runtimeName } from "../support/runtime.ts";

/** What HTTP/2 has no words for: a field of connections in an answer, and the key of a WebSocket. */
const UNSAID: ReadonlySet<string> = new Set([
  "426 keeps the protocols that it demands",
  "a WebSocket's handshake, its extensions and protocols untouched",
]);

/** How each status is called that is answered. */
const PHRASES: Readonly<Record<string, string>> = {
  102: "Processing",
  103: "Early Hints",
  200: "OK",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  304: "Not Modified",
  307: "Temporary Redirect",
  404: "Not Found",
  500: "Internal Server Error",
};

const isNoField = (line: string): boolean => /^(?:connection: (?!keep-alive)|transfer-encoding:)/.test(line);
const isCookie = (line: string): boolean => line.startsWith("cookie: ");
const lowerName = (line: string): string => line.replace(/^[^:]*/, (name) => name.toLowerCase());

/** The first line of a head, and the fields that HTTP/2 takes along: names in lower case, one line of cookies. */
function parts(head: string): { readonly first: string; readonly fields: string[]; readonly coding: string[] } {
  const [first = "", ...lines] = head.slice(0, -2).split("¶");
  const kept = lines.map(lowerName).filter((line) => !isNoField(line));
  const cookies = kept.filter(isCookie);
  const joined = cookies.map((line) => line.slice("cookie: ".length)).join("; ");
  const fields = kept.filter((line) => !isCookie(line) || line === cookies[0])
    .map((line) => isCookie(line) ? `cookie: ${joined}` : line);
  return { first, fields, coding: /¶transfer-encoding:/i.test(head) ? ["transfer-encoding: chunked"] : [] };
}

/** The request that the server gets behind so many proxies. */
function onwardOf({ head, body, trailers }: Message, version: string, hops: number): Message {
  const { first, fields, coding } = parts(head);
  const vias = [`${version} p`, "2 p1", "2 p2"].slice(0, hops + 1).map((by, i) => `${i < hops ? "v" : "V"}ia: ${by}`);
  const te = fields.includes("te: trailers") ? ["Connection: TE"] : [];
  const forwards = fields.map((line) =>
    first.startsWith("OPTIONS")
      ? line.replace(/^(max-forwards: )(\d+)/, (_, name, left) => `${name}${left - hops}`)
      : line
  );
  const lines = [first, ...forwards, ...vias.slice(0, -1), ...te, ...vias.slice(-1), ...coding];
  return { head: `${lines.join("¶")}¶¶`, body, trailers: trailersOf(trailers) };
}

/** The response that the client gets, with the phrases that are registered. */
function answerOf({ head: heads, body, trailers }: Message): Message {
  const head = heads.split("¶¶").slice(0, -1).map((each) => {
    const { first, fields, coding } = parts(`${each}¶¶`);
    const [version, status] = first.split(" ") as [string, string];
    return `${[`${version} ${status} ${PHRASES[status] ?? ""}`, ...fields, ...coding].filter(Boolean).join("¶")}¶¶`;
  });
  return { head: head.join(""), body, trailers: trailersOf(trailers) };
}

function trailersOf(trailers: string): string {
  return trailers.split("¶").map(lowerName).join("¶");
}

function expectedOver({ request = "", ...rest }: ProxyExchange, hops: number): Passed {
  const { onward, answer } = expected(request === "" ? rest : { request, ...rest });
  return { onward: onwardOf(onward, request.includes(" HTTP/1.0¶") ? "1.0" : "1.1", hops), answer: answerOf(answer) };
}

for (const [hops, way] of [[1, "HTTP/1.1 to 2 to 1.1"], [2, "HTTP/1.1 to 2 to 2 to 1.1"]] as const) {
  for (const exchange of exchanges) {
    test(`reverseProxy() passes unharmed, ${way}: ${exchange.title} (${exchange.clause})`, async () => {
      for (const cut of ["whole", "cut"] satisfies Cut[]) {
        await chained(hops, async ({ dial, backend }) => {
          assertEquals(await play(dial, backend, exchange, cut), expectedOver(exchange, hops), cut);
        });
      }
    });
  }

  for (const flow of flows.filter(({ title }) => !UNSAID.has(title))) {
    const skip = runtimeName === "deno" && flow.resets === true ? "Deno has no way to reset a connection" : false;
    test(
      `reverseProxy() passes unharmed, ${way}: ${flow.title} (${flow.clause})`,
      { skip },
      () => chained(hops, flow.play),
    );
  }
}
