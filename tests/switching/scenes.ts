/**
 * Our side of a dialogue, in either role; and how a dialogue is played.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import { type ClientConnection, handshake } from "../../src/http1/client_connection.ts";
import type { IncomingRequest, IncomingResponse } from "../../src/http1/incoming.ts";
import type { Closed, ServerConnectionOptions } from "../../src/http1/options.ts";
import type { OutgoingRequest, SendOptions } from "../../src/http1/outgoing_request.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import { connectResponse, type LightSwitchInit, type Switch, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { handshake as handshakeHttp2, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import {
  type Http2ServerConnection,
  serveConnection as serveConnectionHttp2,
} from "../../src/http2/server_connection.ts";
import { wire } from "../support/bytes.ts";
import { fieldList } from "../../src/semantics/fields.ts";
import { CONNECT_REQUEST, expectText, UPGRADE_REQUEST } from "../support/switching.ts";
import { FakeClock } from "../support/wire.ts";
import { Http1PeerClient, Http1PeerServer } from "./http1_peers.ts";
import { Http2PeerClient, Http2PeerServer } from "./http2_peers.ts";
import { type Cut, moment, type Peer, type PeerClient, type PeerServer, type Proposal, type RawPeer } from "./peer.ts";

/** What every dialogue is played in. */
export const VERSIONS = ["1.1", "2"] as const;
/** See {@linkcode VERSIONS}. */
export type Version = typeof VERSIONS[number];

/** The time limits of a server that both versions have; a client has those of them that mean something to it. */
export type TimeLimits = Pick<
  ServerConnectionOptions,
  | "bodyTimeoutMs"
  | "closeTimeoutMs"
  | "drainTimeoutMs"
  | "headTimeoutMs"
  | "idleTimeoutMs"
  | "unclaimedUpgradeTimeoutMs"
  | "upgradeTimeoutMs"
  | "writeTimeoutMs"
>;

/** A dialogue. */
export interface Row<Scene> {
  /** What it shows; it ends with the clause, and with what of `tests/support/requirements.ts`. */
  readonly rule: string;
  /** What is proposed, if it is not an upgrade as well as a tunnel. */
  readonly hows?: readonly Proposal[];
  /** Whether it is not about bytes that come: so it is played whole only. */
  readonly whole?: boolean;
  /** What our side was told. */
  readonly options?: TimeLimits;
  /** Plays both sides. */
  play(scene: Scene): Promise<void>;
}

/** Where a dialogue is played. */
export interface Place {
  readonly version: Version;
  readonly how: Proposal;
  readonly cut: Cut;
  readonly options: TimeLimits;
}

type Connection = ServerConnection | ClientConnection | Http2ServerConnection | Http2ClientConnection;

/** What both roles have in hand. */
abstract class Scene<P extends Peer & RawPeer, C extends Connection> {
  readonly version: Version;
  readonly how: Proposal;
  /** The other side. */
  readonly peer: P;
  readonly connection: C;
  /** That of our side: its time stands still. */
  readonly clock: FakeClock;
  #why: Closed | null = null;

  constructor({ version, how }: Place, peer: P, connection: C, clock: FakeClock) {
    this.version = version;
    this.how = how;
    this.peer = peer;
    this.connection = connection;
    this.clock = clock;
    connection.closed.then((why) => this.#why = why);
  }

  /** HTTP has let go of what switched: over HTTP/1.1 that is the connection. */
  async handedOver(): Promise<void> {
    if (this.version === "1.1") assertEquals(await this.connection.closed, { reason: "upgrade" });
    else await this.goesOn();
  }

  /** The connection is as it was. */
  async goesOn(): Promise<void> {
    await moment();
    assertEquals(this.#why, null);
  }

  /** An exchange has failed: over HTTP/1.1, so has the connection. */
  async failed(error: unknown): Promise<void> {
    if (this.version === "2") return await this.goesOn();
    await this.peer.ends();
    assertEquals(await this.connection.closed, { reason: "error", error });
  }

  /** The connection ends; no timer may be left. */
  async ends(): Promise<void> {
    this.connection.abort();
    this.peer.leaves();
    await this.connection.closed;
    await moment();
    assertEquals(this.clock.pending, 0);
  }
}

/** A request that our server has got, and its answer. */
export class Exchange {
  readonly request: IncomingRequest;
  /** Gives the answer. */
  readonly answers: (response: OutgoingResponse) => void;
  /** Fails. */
  readonly fails: (error: unknown) => void;

  constructor(request: IncomingRequest, answers: Exchange["answers"], fails: Exchange["fails"]) {
    this.request = request;
    this.answers = answers;
    this.fails = fails;
  }

  /** The promise of `onUpgrade()`. */
  get upgraded(): Promise<Upgraded> {
    return onUpgrade(this.request);
  }

  /** What accepts the proposal. */
  offer(init?: LightSwitchInit): Switch<OutgoingResponse> {
    const { request } = this;
    return request.proposal.type === "connect"
      ? connectResponse(request, init)
      : upgradeResponse(request, "foobar", init);
  }

  /** Accepts the proposal. */
  accepts(init?: LightSwitchInit): Promise<Upgraded> {
    const { response, upgraded } = this.offer(init);
    this.answers(response);
    return upgraded;
  }
}

/** Our server, and a client that is played. */
export class ServerScene extends Scene<PeerClient & RawPeer, ServerConnection | Http2ServerConnection> {
  /** What the server has reported. */
  readonly errors: unknown[];
  readonly #come: Exchange[];
  readonly #waiting: ((exchange: Exchange) => void)[];

  private constructor(
    place: Place,
    peer: ServerScene["peer"],
    connection: ServerScene["connection"],
    clock: FakeClock,
    inbox: Inbox,
  ) {
    super(place, peer, connection, clock);
    this.#come = inbox.come;
    this.#waiting = inbox.waiting;
    this.errors = inbox.errors;
  }

  /** Begins. */
  static open(place: Place): ServerScene {
    const [near, far] = duplexPair();
    const clock = new FakeClock();
    const inbox: Inbox = { come: [], waiting: [], errors: [] };
    const handler = (request: IncomingRequest) =>
      new Promise<OutgoingResponse>((resolve, reject) => {
        const exchange = new Exchange(request, resolve, reject);
        const waiting = inbox.waiting.shift();
        if (waiting === undefined) inbox.come.push(exchange);
        else waiting(exchange);
      });
    const options = {
      clock,
      dateHeader: false,
      onError: (error: unknown) => inbox.errors.push(error),
      ...place.options,
    };
    if (place.version === "1.1") {
      const connection = serveConnection(far, handler, options);
      return new ServerScene(place, new Http1PeerClient(near, place.cut), connection, clock, inbox);
    }
    const connection = serveConnectionHttp2(far, handler, { ...options, connectProtocol: true });
    return new ServerScene(place, new Http2PeerClient(near, place.cut), connection, clock, inbox);
  }

  /** The next request. */
  request(): Promise<Exchange> {
    const exchange = this.#come.shift();
    if (exchange !== undefined) return Promise.resolve(exchange);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whether another request has come. */
  get hasRequest(): boolean {
    return this.#come.length > 0;
  }

  /** A proposal that is accepted without a look at its promise. */
  async unclaimed(): Promise<IncomingRequest> {
    await this.peer.asks(this.how, { early: "E" });
    const exchange = await this.request();
    exchange.answers(exchange.offer().response);
    await this.peer.hearsSwitch();
    return exchange.request;
  }

  /** A proposal that is accepted. */
  async switched(): Promise<Upgraded> {
    await this.peer.asks(this.how);
    const upgraded = (await this.request()).accepts();
    await this.peer.hearsSwitch();
    return await upgraded;
  }
}

interface Inbox {
  readonly come: Exchange[];
  readonly waiting: ((exchange: Exchange) => void)[];
  readonly errors: unknown[];
}

/** Our client, and a server that is played. */
export class ClientScene extends Scene<PeerServer & RawPeer, ClientConnection | Http2ClientConnection> {
  /** Begins. */
  static open(place: Place): ClientScene {
    const [near, far] = duplexPair();
    const clock = new FakeClock();
    const { closeTimeoutMs, unclaimedUpgradeTimeoutMs, writeTimeoutMs } = place.options;
    const options = { clock, closeTimeoutMs, unclaimedUpgradeTimeoutMs, writeTimeoutMs };
    return place.version === "1.1"
      ? new ClientScene(place, new Http1PeerServer(far, place.cut), handshake(near, options).connection, clock)
      : new ClientScene(place, new Http2PeerServer(far, place.cut), handshakeHttp2(near, options).connection, clock);
  }

  /** Sends a request that proposes, with further fields. */
  async asks(
    proposal: Proposal,
    { fields, ...more }: Partial<OutgoingRequest> = {},
    options?: SendOptions,
  ): Promise<IncomingResponse> {
    if ("ready" in this.connection) await this.connection.ready();
    const request = REQUESTS[proposal];
    return await this.connection.send({
      ...request,
      ...more,
      fields: [...fieldList(request.fields), ...fieldList(fields)],
    }, options);
  }

  /** A proposal that is accepted, and not looked at. */
  async unclaimed(): Promise<IncomingResponse> {
    const sending = this.asks(this.how);
    await this.peer.gets(this.how);
    await this.peer.accepts({ early: "E" });
    return await sending;
  }

  /** A proposal that is accepted. */
  async switched(): Promise<Upgraded> {
    const sending = this.asks(this.how);
    await this.peer.gets(this.how);
    await this.peer.accepts();
    return await onUpgrade(await sending);
  }
}

/** The requests behind what a peer gets. */
const REQUESTS: Readonly<Record<Proposal, OutgoingRequest>> = {
  upgrade: UPGRADE_REQUEST,
  tunnel: CONNECT_REQUEST,
  nothing: { method: "GET", target: "/", fields: [["Host", "a"]] },
};

/** Behind the switch: whichever side has asked, it is the same. */
export interface StreamScene {
  readonly peer: Peer;
  /** Our side. */
  readonly io: Upgraded;
  readonly clock: FakeClock;
  /** Whether our side is the client. */
  readonly asked: boolean;
  readonly how: Proposal;
  readonly version: Version;
}

/** A switch whose promise was not taken yet; `E` came with it. */
export interface UnclaimedScene {
  readonly peer: Peer;
  readonly clock: FakeClock;
  /** What `onUpgrade()` takes. */
  readonly message: IncomingRequest | IncomingResponse;
}

/** Bytes go both ways. */
export async function talks(peer: Peer, io: Upgraded): Promise<void> {
  await io.write(wire("hi"));
  await peer.hears("hi");
  await peer.writes("ho");
  await expectText(io, "ho");
}
