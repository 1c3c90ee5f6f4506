/**
 * The client's side of one HTTP/2 connection, without a connection: messages in, bytes out; bytes in, events out. What it shares with
 * the server's machine is `http2_machine.ts`.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { Http2Error } from "../../errors/http2_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { isBodiless } from "../../semantics/message.ts";
import type { Connection } from "./connection.ts";
import type { Http2ClientEvent } from "./events.ts";
import { Http2Machine, type Http2MachineOptions } from "./http2_machine.ts";
import type { Http2ResponseHead, OutgoingHttp2Request } from "./message.ts";
import { contentLengthIn, readResponse } from "./read_message.ts";
import type { ReceivedFields } from "./receive_headers.ts";
import { announcedLength, sendBlock } from "./send.ts";
import type { Stream } from "./stream.ts";
import { MAX_STREAM_ID } from "./streams.ts";
import { requestFields } from "./write_message.ts";

const OPTIONS: Kinds<Http2MachineOptions> = { limits: "object" };

/** The client's machine. */
export class Http2ClientMachine extends Http2Machine<Http2ClientEvent> {
  /**
   * Makes a machine. Its preface and SETTINGS wait to be taken; requests may follow at once.
   *
   * @param options What to do differently.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A limit is not within what RFC 9113 allows.
   */
  constructor(options: Http2MachineOptions = {}) {
    checkOptions(options, OPTIONS);
    super("client", receiveResponse, options.limits, false);
  }

  /** Whether another request may be sent now: the peer goes on, and has not as many streams open as it allows. */
  get canSend(): boolean {
    const { streams, peer, phase, shutdown, peerLastStreamId } = this.connection;
    const goesOn = phase !== "over" && shutdown === "none" && peerLastStreamId === null;
    return goesOn && streams.nextId <= MAX_STREAM_ID && streams.size < peer.maxConcurrentStreams;
  }

  /** Whether there are no numbers left for further streams (RFC 9113 §5.1.1). */
  get exhausted(): boolean {
    return this.connection.streams.nextId > MAX_STREAM_ID;
  }

  /**
   * Sends the head of a request on a stream of its own.
   *
   * @param endStream Whether it is all.
   * @returns The number of the stream.
   * @throws {StateError} `busy`: the peer allows no more streams now; `closed`: the connection takes none any more; `no-switch`: the
   * peer has not told that it takes extended CONNECT (RFC 8441 §3); `body-length`: `endStream` does not fit `content-length`.
   * @throws {TypeError} The head cannot be sent.
   */
  sendRequest(head: OutgoingHttp2Request, endStream: boolean): number {
    const fields = requestFields(head);
    const owed = head.method === "CONNECT" ? null : announcedLength(fields);
    if (endStream && (owed ?? 0) > 0) {
      throw new StateError("body-length", "Cannot end a request with its head: it announces a body");
    }
    this.#checkSend(head);
    const { streams } = this.connection;
    const id = streams.nextId;
    streams.use(id);
    const stream = this.connection.open(id, head.method);
    stream.owedBytes = owed;
    if (!endStream) stream.sending = "body";
    sendBlock(this.connection, stream, fields, endStream);
    return stream.id;
  }

  #checkSend(head: OutgoingHttp2Request): void {
    const { streams, peer } = this.connection;
    if (!this.canSend) {
      throw streams.size >= peer.maxConcurrentStreams
        ? new StateError("busy", "Cannot send a request: as many streams are open as the peer allows")
        : new StateError("closed", "Cannot send a request: the connection takes none any more");
    }
    if (head.protocol != null && !peer.connectProtocol) {
      throw new StateError(
        "no-switch",
        "Cannot send an extended CONNECT: the peer has not told that it takes it (RFC 8441 §3)",
      );
    }
  }

  /** Says that no more requests follow: GOAWAY. Those that are open go on; `closed` comes behind the last one. */
  shutdown(): void {
    const { connection } = this;
    if (connection.phase !== "over" && connection.shutdown === "none") connection.sendGoaway("no-error");
  }
}

/** Takes the head of a response, informational or final. */
function receiveResponse(connection: Connection, received: ReceivedFields, stream: Stream | undefined): void {
  const { streamId, endStream, block } = received;
  if (stream === undefined) {
    throw new Http2Error("protocol", `A server must not open stream ${streamId}`, "RFC 9113 §5.1.1");
  }
  if (block.tooLarge) {
    throw new Http2Error("enhance-your-calm", "The head is too large", "RFC 9113 §10.5.1", streamId);
  }
  const head = readResponse(block, streamId);
  if (head.status < 200) return receiveInformational(connection, received, stream, head);
  begin(connection, stream, head, endStream);
  connection.events.push({ type: "response", streamId, head, endStream });
  if (endStream) connection.end(stream, "peer-ends");
}

function begin(connection: Connection, stream: Stream, head: Http2ResponseHead, endStream: boolean): void {
  const bodiless = isBodiless(stream.method, head.status);
  if (stream.method === "CONNECT" && head.status < 300) {
    connection.switchOver(stream);
  } else {
    const length = contentLengthIn(head.fields, stream.id);
    stream.expectedBytes = bodiless ? 0 : length;
  }
  if (endStream && (stream.expectedBytes ?? 0) > 0) {
    throw new Http2Error("protocol", "A response without a body announces one", "RFC 9113 §8.1.1", stream.id);
  }
  stream.receiving = endStream ? "done" : "body";
}

function receiveInformational(
  connection: Connection,
  { streamId, endStream }: ReceivedFields,
  stream: Stream,
  head: Http2ResponseHead,
): void {
  if (endStream) {
    throw new Http2Error("protocol", "An informational response ends the stream", "RFC 9113 §8.1", streamId);
  }
  if (++stream.informational > connection.limits.maxInformational) {
    throw new Http2Error("enhance-your-calm", "Too many informational responses", "RFC 9113 §10.5", streamId);
  }
  connection.events.push({ type: "informational", streamId, head });
}
