/**
 * What the probes of servers share.
 *
 * @module
 */

import type { ServerUnderTest } from "./probe.ts";
import { dial, type RawSocket } from "./raw_socket.ts";
import type { Verdict } from "./verdict.ts";

/** Connects, lets the probe talk, and lets go. */
export async function talk(port: number, probe: (socket: RawSocket) => Promise<Verdict>): Promise<Verdict> {
  const socket = await dial(port);
  try {
    return await probe(socket);
  } finally {
    socket.close();
  }
}

/** How to offer the protocol that a server speaks, and what it sounds like. */
export interface Dialect {
  /** The value of Upgrade, and what else the protocol wants. */
  readonly fields: readonly string[];
  /** What a client sends to say this. */
  said(text: string): string;
  /** What a server sends to say this. */
  heard(text: string): string;
}

/** The bytes are the message. */
const echo: Dialect = { fields: ["Upgrade: echo"], said: (text) => text, heard: (text) => text };

/** A text frame for a message; the client's mask of zeros leaves it readable (RFC 6455 §5.2). */
const websocket: Dialect = {
  fields: ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
  said: (text) => `\x81${String.fromCharCode(128 + text.length)}\0\0\0\0${text}`,
  heard: (text) => `\x81${String.fromCharCode(text.length)}${text}`,
};

/** The protocol of a server. */
export function dialectOf({ speaks }: ServerUnderTest): Dialect {
  return speaks === "echo" ? echo : websocket;
}

/** The statuses of all responses so far: an answer's body does not look like one here. */
export function statuses(socket: RawSocket): number[] {
  return [...socket.received.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
}

/** What came behind the head of a switch. */
export function behindHead(socket: RawSocket): string {
  const { received } = socket;
  return received.slice(received.indexOf("\r\n\r\n") + 4);
}

/** Text for a note: short, and without anything that a table cannot show. */
export function quote(text: string): string {
  const short = text.length > 24 ? `${text.slice(0, 24)}…` : text;
  const shown = short.replaceAll(/[^ -{}~…]/g, (char) => char === "\r" || char === "\n" ? "⏎" : "·").replaceAll(
    "⏎⏎",
    "⏎",
  );
  return `"${shown}"`;
}
