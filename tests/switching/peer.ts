/**
 * The other side of a connection that switches, whatever version of HTTP it speaks: what it says, and what it must hear, exactly.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { turns } from "../support/wire.ts";

/** Lets what came be taken: enough of the microtask queue for that, and many times cheaper than `turns()`. */
export async function moment(): Promise<void> {
  for (let i = 0; i < 25; i++) await null;
}

/** What is proposed: an upgrade to `foobar`, or a tunnel to `a:443`; or nothing. */
export type Proposal = "upgrade" | "tunnel" | "nothing";

/** How the bytes of a peer arrive; a number is where they are cut in two, counted from its first that belongs to the dialogue. */
export type Cut = "whole" | "byte by byte" | number;

/** Lines of fields, `name: value`, names in small letters. */
export type Lines = readonly string[];

/** What comes with a head that switches. */
export interface SwitchWords {
  /** 200 when left out: of a tunnel, as an upgrade has none to choose. */
  readonly status?: number;
  readonly fields?: Lines;
}

/** What comes with any other response. */
export interface ResponseWords {
  readonly fields?: Lines;
  readonly body?: string;
  /** Whether the length of the body was not known when the response began. */
  readonly unknownLength?: boolean;
}

/** What a client asks with. */
export interface RequestWords {
  readonly fields?: Lines;
  /** Where a tunnel is to lead to: `a:443` when left out. */
  readonly authority?: string;
}

/** What comes behind a head, in one piece with it. */
export interface Behind {
  /** Bytes of the new protocol. */
  readonly early?: string;
  /** Whether it is the end as well. */
  readonly ends?: boolean;
}

/** Either side. */
export interface Peer {
  /** Sends bytes of the new protocol. */
  writes(text: string): Promise<void>;
  /** Ends its side. */
  ends(): Promise<void>;
  /** Cuts. */
  resets(): Promise<void>;
  /** Gets these bytes of the new protocol next. */
  hears(text: string): Promise<void>;
  /** Gets nothing more, and the end. */
  hearsEnd(): Promise<void>;
  /** Gets nothing more, and is cut. */
  hearsReset(): Promise<void>;
  /** Gets nothing while all that is ready runs. */
  hearsNothing(): Promise<void>;
}

/** A client, whose server is ours. */
export interface PeerClient extends Peer {
  /** Proposes. */
  asks(proposal: Proposal, words?: RequestWords & Behind): Promise<void>;
  /** Gets the head that switches. */
  hearsSwitch(words?: SwitchWords): Promise<void>;
  /** Gets a head that is not final. */
  hearsInformational(status: number, fields?: Lines): Promise<void>;
  /** Gets a response that does not switch. */
  hearsResponse(status: number, words?: ResponseWords): Promise<void>;
  /** Gets the response of a server that cannot go on as it was asked to: over HTTP/1.1 the connection ends behind it. */
  hearsFailure(status?: number): Promise<void>;
}

/** A server, whose client is ours. */
export interface PeerServer extends Peer {
  /** Gets a request. */
  gets(proposal: Proposal, fields?: Lines): Promise<void>;
  /** Switches. */
  accepts(words?: SwitchWords & Behind): Promise<void>;
  /** Sends a head that is not final. */
  informs(status: number, fields?: Lines): Promise<void>;
  /** Answers without a switch. */
  responds(status: number, words?: ResponseWords): Promise<void>;
  /** Begins a response whose body is still to come. */
  beginsResponse(status: number): Promise<void>;
}

/** What came, and was not asked for yet. */
export interface Heard {
  /** Bytes; over HTTP/1.1, those of heads too. */
  bytes: string;
  /** How the other side has ended. */
  ending: "end" | "reset" | null;
}

/** Sends, cut as it is wanted, and listens all the time. */
export abstract class RawPeer {
  /** How many bytes of the dialogue were sent. */
  sent = 0;
  /** Where each piece of them ended. */
  readonly edges: Set<number> = new Set();
  protected readonly end: PairEnd;
  readonly #cut: Cut;
  #counts = false;
  #over: "end" | "reset" | null = null;
  #wake: () => void = () => {};

  constructor(end: PairEnd, cut: Cut) {
    this.end = end;
    this.#cut = cut;
    this.#listen();
  }

  /** From now on what is sent belongs to the dialogue. */
  begin(): void {
    this.#counts = true;
  }

  /** Takes what has come. */
  protected abstract take(bytes: Uint8Array): void;

  /** What came for the exchange that goes on. */
  protected abstract get heard(): Heard;

  /** How it has ended, or the connection has. */
  get #ending(): "end" | "reset" | null {
    return this.heard.ending ?? this.#over;
  }

  async #listen(): Promise<void> {
    try {
      for (let chunk = await this.end.read(); chunk !== null; chunk = await this.end.read()) {
        this.take(chunk);
        this.#wake();
      }
      this.#over = "end";
    } catch {
      this.#over = "reset";
    }
    this.#wake();
  }

  /** Waits for as much as satisfies `done`, or for the end. */
  protected async until(done: () => boolean): Promise<void> {
    while (!done() && this.#ending === null) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** Sends bytes of the dialogue. */
  protected async send(bytes: Uint8Array): Promise<void> {
    if (!this.#counts) return await this.end.write(bytes);
    const from = this.sent;
    this.edges.add(this.sent += bytes.length);
    if (this.#cut === "byte by byte") {
      for (let at = 0; at < bytes.length; at++) await this.end.write(bytes.slice(at, at + 1));
    } else if (this.#cut !== "whole" && this.#cut > from && this.#cut < this.sent) {
      await this.end.write(bytes.slice(0, this.#cut - from));
      await moment();
      await this.end.write(bytes.slice(this.#cut - from));
    } else await this.end.write(bytes);
  }

  async hears(text: string): Promise<void> {
    const { length } = text.replaceAll("¶", "\r\n");
    await this.until(() => this.heard.bytes.length >= length);
    assertEquals(this.heard.bytes.slice(0, length).replaceAll("\r\n", "¶"), text);
    this.heard.bytes = this.heard.bytes.slice(length);
  }

  async hearsEnd(): Promise<void> {
    await this.until(() => false);
    assertEquals([this.heard.bytes, this.#ending], ["", "end"]);
  }

  async hearsReset(): Promise<void> {
    await this.until(() => false);
    assertEquals([this.heard.bytes, this.#ending], ["", "reset"]);
  }

  async hearsNothing(): Promise<void> {
    await turns();
    assertEquals([this.heard.bytes, this.#ending], ["", null]);
  }

  /** Leaves. */
  leaves(): void {
    this.end.abort();
  }
}
