/**
 * The other side in frames of HTTP/2.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { data, headers, PREFACE, rstStream, settings, settingsAck, Speller } from "../support/h2_wire.ts";
import { joined } from "../support/switching.ts";
import {
  type Behind,
  type Cut,
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

/** The lines of what is proposed. */
const ASKED: Readonly<Record<Proposal, Lines>> = {
  upgrade: [":method: CONNECT", ":protocol: foobar", ":scheme: https", ":authority: a", ":path: /"],
  tunnel: [":method: CONNECT", ":authority: a:443"],
  nothing: [":method: GET", ":scheme: https", ":authority: a", ":path: /"],
};

/** How each is cut (RFC 8441 §5, RFC 9113 §8.5). */
const CUT: Readonly<Record<Proposal, string>> = { upgrade: "CANCEL", tunnel: "CONNECT_ERROR", nothing: "CANCEL" };

/** What came on a stream. */
interface HeardOnStream extends Heard {
  readonly heads: string[];
  code: string | null;
}

/** What both roles have in common: each exchange has a stream, and behind the switch that is the new protocol's. */
abstract class Http2Peer extends RawPeer {
  protected streamId = -1;
  readonly #speller: Speller;
  readonly #streams: Map<number, HeardOnStream> = new Map();
  #proposal: Proposal = "nothing";
  #switched = false;

  constructor(end: PairEnd, cut: Cut, speller: Speller) {
    super(end, cut);
    this.#speller = speller;
  }

  protected get heard(): HeardOnStream {
    return this.#stream(this.streamId);
  }

  #stream(id: number): HeardOnStream {
    let stream = this.#streams.get(id);
    if (stream === undefined) this.#streams.set(id, stream = { bytes: "", ending: null, heads: [], code: null });
    return stream;
  }

  protected take(bytes: Uint8Array): void {
    for (const frame of this.#speller.spell(bytes)) {
      const [, type, id, end, rest] = /^([A-Z_]+)(?: (\d+))?( END)? ?([^]*)$/.exec(frame)!;
      if (type === "GOAWAY" && rest !== "NO_ERROR") throw new Error(frame);
      if (type === "HEADERS") this.#stream(Number(id)).heads.push(rest!);
      else if (type === "DATA") this.#stream(Number(id)).bytes += rest;
      if (end !== undefined) this.#stream(Number(id)).ending = "end";
      // A server that needs the rest of a request no more says so behind its response (RFC 9113 §8.1).
      else if (type === "RST_STREAM" && rest !== "NO_ERROR") {
        Object.assign(this.#stream(Number(id)), { ending: "reset", code: rest });
      }
    }
  }

  /** A new exchange. */
  protected begins(proposal: Proposal): void {
    this.#proposal = proposal;
    this.#switched = false;
    this.streamId += 2;
  }

  /** The stream is the new protocol's now. */
  protected switches(): void {
    this.#switched = true;
  }

  protected async hearsHead(...lines: Lines): Promise<void> {
    await this.until(() => this.heard.heads.length > 0);
    assertEquals(this.heard.heads.shift(), lines.join(", "));
  }

  protected head(lines: Lines, { early = "", ends = false }: Behind = {}): Promise<void> {
    const bytes = early === "" ? [] : [data(this.streamId, early, ends)];
    return this.send(joined(headers(this.streamId, lines, ...ends && early === "" ? [] : ["open" as const]), ...bytes));
  }

  writes(text: string): Promise<void> {
    return this.send(data(this.streamId, text));
  }

  ends(): Promise<void> {
    return this.send(data(this.streamId, "", true));
  }

  resets(): Promise<void> {
    return this.send(rstStream(this.streamId));
  }

  override async hearsReset(): Promise<void> {
    await super.hearsReset();
    const { code } = this.heard;
    if (code !== null) assertEquals(code, CUT[this.#switched ? this.#proposal : "nothing"]);
  }
}

/** See {@linkcode PeerClient}. */
export class Http2PeerClient extends Http2Peer implements PeerClient {
  constructor(end: PairEnd, cut: Cut) {
    super(end, cut, new Speller(false));
    end.write(joined(PREFACE, settings(), settingsAck));
  }

  asks(proposal: Proposal, { fields = [], authority, ...behind }: RequestWords & Behind = {}): Promise<void> {
    this.begins(proposal);
    const asked = authority === undefined ? ASKED[proposal] : [":method: CONNECT", `:authority: ${authority}`];
    return this.head([...asked, ...fields], proposal === "nothing" ? { ends: true } : behind);
  }

  hearsSwitch({ status = 200, fields = [] }: SwitchWords = {}): Promise<void> {
    this.switches();
    return this.hearsHead(`:status: ${status}`, ...fields);
  }

  hearsInformational(status: number, fields: Lines = []): Promise<void> {
    return this.hearsHead(`:status: ${status}`, ...fields);
  }

  async hearsResponse(status: number, { fields = [], body = "", unknownLength }: ResponseWords = {}): Promise<void> {
    const length = unknownLength || body === "" ? [] : [`content-length: ${body.length}`];
    await this.hearsHead(`:status: ${status}`, ...fields, ...length);
    await this.hears(body);
    await this.hearsEnd();
  }

  hearsFailure(status = 500): Promise<void> {
    return this.hearsResponse(status);
  }
}

/** See {@linkcode PeerServer}. */
export class Http2PeerServer extends Http2Peer implements PeerServer {
  constructor(end: PairEnd, cut: Cut) {
    super(end, cut, new Speller(true));
    end.write(joined(settings([8, 1]), settingsAck));
  }

  async gets(proposal: Proposal, fields: Lines = []): Promise<void> {
    this.begins(proposal);
    await this.hearsHead(...ASKED[proposal], ...fields);
    if (proposal === "nothing") await this.hearsEnd();
  }

  accepts({ status = 200, fields = [], ...behind }: SwitchWords & Behind = {}): Promise<void> {
    this.switches();
    return this.head([`:status: ${status}`, ...fields], behind);
  }

  informs(status: number, fields: Lines = []): Promise<void> {
    return this.head([`:status: ${status}`, ...fields]);
  }

  responds(status: number, { fields = [], body = "" }: ResponseWords = {}): Promise<void> {
    return this.head([`:status: ${status}`, ...fields, `content-length: ${body.length}`], { early: body, ends: true });
  }

  beginsResponse(status: number): Promise<void> {
    return this.head([`:status: ${status}`]);
  }
}
