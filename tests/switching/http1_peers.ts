/**
 * The other side in bytes of HTTP/1.1.
 *
 * @module
 */

import { STATUS_CODES } from "node:http";
import { latin1, wire } from "../support/bytes.ts";
import {
  type Behind,
  type Heard,
  type Lines,
  type PeerClient,
  type PeerServer,
  type Proposal,
  RawPeer,
  type RequestWords,
  type ResponseWords,
  type SwitchWords,
} from "./peer.ts";

/** The heads of what is proposed, but for the empty line. */
const ASKED: Readonly<Record<Proposal, string>> = {
  upgrade: "GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶Connection: upgrade¶",
  tunnel: "CONNECT a:443 HTTP/1.1¶Host: a:443¶",
  nothing: "GET / HTTP/1.1¶Host: a¶",
};

function line(status: number, fields: Lines): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}¶${fields.map((field) => `${field}¶`).join("")}`;
}

function switchHead(proposal: Proposal, { status = 200, fields = [] }: SwitchWords): string {
  if (proposal === "tunnel") return `${line(status, fields)}¶`;
  return `${line(101, ["Connection: upgrade", "Upgrade: foobar", ...fields])}¶`;
}

function response(status: number, { fields = [], body = "", unknownLength }: ResponseWords, close = false): string {
  const framing = unknownLength ? "transfer-encoding: chunked" : `content-length: ${body.length}`;
  const content = unknownLength ? `${body.length}¶${body}¶0¶¶` : body;
  return `${line(status, [...fields, framing, ...close ? ["connection: close"] : []])}¶${content}`;
}

/** What both roles have in common: behind the switch, the connection is the new protocol's. */
abstract class Http1Peer extends RawPeer {
  protected proposal: Proposal = "nothing";
  protected readonly heard: Heard = { bytes: "", ending: null };

  protected take(bytes: Uint8Array): void {
    this.heard.bytes += latin1(bytes);
  }

  writes(text: string): Promise<void> {
    return this.send(wire(text));
  }

  ends(): Promise<void> {
    return this.end.closeWrite();
  }

  resets(): Promise<void> {
    this.end.abort();
    return Promise.resolve();
  }

  protected async begins(head: string, { early = "", ends = false }: Behind): Promise<void> {
    await this.writes(head + early);
    if (ends) await this.ends();
  }
}

/** See {@linkcode PeerClient}. */
export class Http1PeerClient extends Http1Peer implements PeerClient {
  asks(proposal: Proposal, { fields = [], authority, ...behind }: RequestWords & Behind = {}): Promise<void> {
    this.proposal = proposal;
    const asked = authority === undefined ? ASKED[proposal] : `CONNECT ${authority} HTTP/1.1¶Host: a:443¶`;
    return this.begins(`${asked}${fields.map((field) => `${field}¶`).join("")}¶`, behind);
  }

  hearsSwitch(words: SwitchWords = {}): Promise<void> {
    return this.hears(switchHead(this.proposal, words));
  }

  hearsInformational(status: number, fields: Lines = []): Promise<void> {
    return this.hears(`${line(status, fields)}¶`);
  }

  /** Behind a CONNECT that is refused, nothing can be told from what was sent too soon (RFC 9931). */
  async hearsResponse(status: number, words: ResponseWords = {}): Promise<void> {
    const closes = this.proposal === "tunnel";
    await this.hears(response(status, words, closes));
  }

  hearsFailure(status = 500): Promise<void> {
    return this.hears(response(status, {}, true));
  }
}

/** See {@linkcode PeerServer}. */
export class Http1PeerServer extends Http1Peer implements PeerServer {
  gets(proposal: Proposal, fields: Lines = []): Promise<void> {
    this.proposal = proposal;
    return this.hears(`${ASKED[proposal]}${fields.map((field) => `${field}¶`).join("")}¶`);
  }

  accepts(words: SwitchWords & Behind = {}): Promise<void> {
    return this.begins(switchHead(this.proposal, words), words);
  }

  informs(status: number, fields: Lines = []): Promise<void> {
    return this.writes(`${line(status, fields)}¶`);
  }

  responds(status: number, words: ResponseWords = {}): Promise<void> {
    return this.writes(response(status, words));
  }

  beginsResponse(status: number): Promise<void> {
    return this.writes(`${line(status, ["Transfer-Encoding: chunked"])}¶`);
  }
}
