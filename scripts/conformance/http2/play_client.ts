/**
 * What the probes of servers share: a client that is played.
 *
 * @module
 */

import type { ServerUnderTest } from "../probe.ts";
import { dial } from "../raw_socket.ts";
import { notApplicable, right, type Verdict, wrong } from "../verdict.ts";
import { ENABLE_CONNECT_PROTOCOL } from "./frames.ts";
import { Http2Wire } from "./wire.ts";

/** The stream that a probe asks on. */
export const FIRST = 1;

/** Connects, waits for the server's SETTINGS, lets the probe talk, and lets go. A server without HTTP/2 is not judged. */
export async function talk(port: number, probe: (wire: Http2Wire) => Promise<Verdict>): Promise<Verdict> {
  const socket = await dial(port);
  try {
    const wire = new Http2Wire(socket, "client");
    return await wire.until(() => wire.told !== null) ? await probe(wire) : notApplicable();
  } finally {
    socket.close();
  }
}

/** The same with a server that has told that it takes `:protocol`. */
export function talkUpgrade(port: number, probe: (wire: Http2Wire) => Promise<Verdict>): Promise<Verdict> {
  return talk(port, async (wire) => takesUpgrades(wire) ? await probe(wire) : notApplicable());
}

/** Whether that was told. */
export function takesUpgrades({ told }: Http2Wire): boolean {
  return told?.get(ENABLE_CONNECT_PROTOCOL) === 1;
}

/** The lines of an extended CONNECT. */
export function upgradeLines({ speaks }: ServerUnderTest): string[] {
  const lines = [":method: CONNECT", `:protocol: ${speaks}`, ":scheme: http", ":path: /", ":authority: a.test"];
  return speaks === "echo" ? lines : [...lines, "sec-websocket-version: 13"];
}

/** The lines of a CONNECT. */
export function connectLines(authority: string): string[] {
  return [":method: CONNECT", `:authority: ${authority}`];
}

/** Those of a GET. */
export const GET: readonly string[] = [":method: GET", ":scheme: http", ":path: /", ":authority: a.test"];

/** The status of the final response on a stream, once it is there. */
export function statusOf(wire: Http2Wire, streamId: number = FIRST): number | null {
  for (const [first = ""] of wire.stream(streamId).heads) {
    const [, status] = /^:status: (\d+)$/.exec(first) ?? [];
    if (status !== undefined && Number(status) >= 200) return Number(status);
  }
  return null;
}

/** Waits for an answer of any kind. */
export function answered(wire: Http2Wire, streamId: number = FIRST): Promise<boolean> {
  return wire.until(() =>
    statusOf(wire, streamId) !== null || wire.stream(streamId).code !== null || wire.goaway !== null
  );
}

/** Waits for the head that switches; says what came instead. */
export async function switched(wire: Http2Wire): Promise<Verdict | null> {
  await answered(wire);
  const status = statusOf(wire);
  if (status !== null && status >= 200 && status <= 299) return null;
  return wrong(described(wire));
}

/** What was answered, for a note. */
export function described(wire: Http2Wire, streamId: number = FIRST): string {
  const status = statusOf(wire, streamId);
  const { code } = wire.stream(streamId);
  if (status !== null) return `answers ${status}`;
  if (code !== null) return `RST_STREAM ${code}`;
  if (wire.goaway !== null) return `GOAWAY ${wire.goaway}`;
  return wire.socket.ended ? "hangs up" : "no answer";
}

/** What is malformed is an error of the stream, before which a 4xx may be sent; or of the connection (RFC 9113 §8.1.1). */
export async function refusesMalformed(wire: Http2Wire): Promise<Verdict> {
  await answered(wire);
  const status = statusOf(wire);
  if (status !== null) return status >= 400 && status <= 499 ? right() : wrong(described(wire));
  const code = wire.stream(FIRST).code ?? wire.goaway;
  return code === "PROTOCOL_ERROR" ? right() : wrong(described(wire));
}
