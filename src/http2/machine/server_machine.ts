/**
 * The server's side of one HTTP/2 connection, without a connection: bytes in, events out; messages in, bytes out. What it shares with
 * the client's machine is `http2_machine.ts`.
 *
 * @module
 */

import { checkInteger, checkOptions, type Kinds } from "../../bytes/arguments.ts";
import { Http2Error } from "../../errors/http2_error.ts";
import { StateError } from "../../errors/state_error.ts";
import { Fields } from "../../semantics/fields.ts";
import { isBodiless } from "../../semantics/message.ts";
import type { Connection } from "./connection.ts";
import type { Http2ServerEvent } from "./events.ts";
import { Http2Machine, type Http2MachineOptions } from "./http2_machine.ts";
import type { Http2RequestHead, OutgoingHttp2Response } from "./message.ts";
import { readPriority } from "./priority.ts";
import { contentLengthIn, readRequest } from "./read_message.ts";
import { SHUTDOWN_PING } from "./receive_frame.ts";
import type { ReceivedFields } from "./receive_headers.ts";
import { announcedLength, sendBlock } from "./send.ts";
import type { Stream } from "./stream.ts";
import { MAX_STREAM_ID } from "./streams.ts";
import { responseFields } from "./write_message.ts";

/** What a server's machine can be told beforehand. */
export interface Http2ServerMachineOptions extends Http2MachineOptions {
  /**
   * Whether extended CONNECT is taken, and told: SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3). False by default: browsers open
   * WebSockets by it as soon as they are told, so it is for servers that answer them.
   */
  readonly connectProtocol?: boolean | undefined;
}

const OPTIONS: Kinds<Http2ServerMachineOptions> = { limits: "object", connectProtocol: "boolean" };

/** The server's machine. */
export class Http2ServerMachine extends Http2Machine<Http2ServerEvent> {
  /**
   * Makes a machine that waits for a preface. Its SETTINGS wait to be taken.
   *
   * @param options What to do differently.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} A limit is not within what RFC 9113 allows.
   */
  constructor(options: Http2ServerMachineOptions = {}) {
    checkOptions(options, OPTIONS);
    super("server", receiveRequest, options.limits, options.connectProtocol ?? false);
  }

  /**
   * Sends an informational response (RFC 9113 §8.1).
   *
   * @param head Its status is 100 or 102 to 199.
   * @throws {StateError} `bad-status`; `done` or `head-sent`: it would be too late.
   * @throws {TypeError} A field cannot be sent.
   */
  sendInformational(streamId: number, head: OutgoingHttp2Response): void {
    checkInteger(head.status, "head.status", 100, 199);
    if (head.status === 101) {
      throw new StateError("bad-status", "Cannot send 101: HTTP/2 has no Upgrade (RFC 9113 §8.6)");
    }
    sendBlock(this.connection, this.sending(streamId, "head"), responseFields(head), false);
  }

  /**
   * Sends the head of the final response.
   *
   * @param endStream Whether it is all: a response to HEAD, or with 204 or 304, has no body.
   * @throws {StateError} `bad-status`; `done` or `head-sent`; `body-length`: `endStream` does not fit `content-length`.
   * @throws {TypeError} A field cannot be sent.
   */
  sendResponse(streamId: number, head: OutgoingHttp2Response, endStream: boolean): void {
    checkInteger(head.status, "head.status", 200, 999);
    const stream = this.sending(streamId, "head");
    const fields = responseFields(head);
    const bodiless = isBodiless(stream.method, head.status);
    if (stream.method === "CONNECT" && head.status < 300) this.connection.switchOver(stream);
    else stream.owedBytes = bodiless ? 0 : announcedLength(fields);
    if (endStream && (stream.owedBytes ?? 0) > 0) {
      throw new StateError("body-length", "Cannot end a response with its head: it announces a body");
    }
    if (!endStream) stream.sending = "body";
    sendBlock(this.connection, stream, fields, endStream);
  }

  /**
   * Shuts down in two steps (RFC 9113 §6.8): a GOAWAY that warns, with a PING; when that is answered, the GOAWAY that says which
   * stream was the last. Streams that are open go on; `closed` comes behind the last one.
   *
   * @param now Leaves out the first step: what the client has sent meanwhile is refused.
   */
  shutdown(now = false): void {
    const { connection } = this;
    if (connection.phase === "over" || connection.shutdown === "final") return;
    if (now) return connection.sendGoaway("no-error");
    if (connection.shutdown === "warned") return;
    connection.shutdown = "warned";
    connection.writer.goaway(MAX_STREAM_ID, "no-error");
    connection.writer.ping(SHUTDOWN_PING, false);
  }
}

/** Takes the head of a request: its stream begins. */
function receiveRequest(connection: Connection, received: ReceivedFields): void {
  const { streamId, endStream, block } = received;
  const { streams } = connection;
  if (!streams.mayOpen(streamId)) {
    throw new Http2Error("protocol", `A client must not open stream ${streamId}`, "RFC 9113 §5.1.1");
  }
  streams.use(streamId);
  if (connection.shutdown === "final") { // RFC 9113 §6.8: the client knows, or learns by the GOAWAY, that it is not taken up
    streams.remember(streamId, "reset-by-us");
    return;
  }
  if (streams.size >= connection.limits.maxConcurrentStreams) {
    throw new Http2Error("refused-stream", "Too many streams are open", "RFC 9113 §5.1.2", streamId);
  }
  if (block.tooLarge) return refuseTooLarge(connection, received);
  const head = readRequest(block, streamId, connection.connectProtocol);
  const stream = begin(connection, head, received);
  connection.events.push({ type: "request", streamId, head, endStream });
  if (endStream) connection.end(stream, "peer-ends");
}

function begin(connection: Connection, head: Http2RequestHead, { streamId, endStream }: ReceivedFields): Stream {
  const { method, fields } = head;
  const length = method === "CONNECT" ? null : contentLengthIn(fields, streamId);
  if (endStream && length !== null && length > 0) {
    throw new Http2Error("protocol", "A request without a body announces one", "RFC 9113 §8.1.1", streamId);
  }
  const stream = connection.open(streamId, method);
  stream.expectedBytes = length;
  stream.receiving = endStream ? "done" : "body";
  const asked = connection.priorities.get(streamId);
  connection.priorities.delete(streamId);
  if (asked !== undefined) Object.assign(stream, asked);
  else if (fields.has("priority")) Object.assign(stream, readPriority(fields.get("priority")!));
  return stream;
}

/** 431, without asking the driver: the head is not complete (RFC 6585 §5). */
function refuseTooLarge(connection: Connection, { streamId, endStream }: ReceivedFields): void {
  connection.spendReset();
  connection.answer();
  const stream = connection.open(streamId, "");
  stream.receiving = endStream ? "done" : "body";
  if (endStream) connection.end(stream, "peer-ends");
  sendBlock(connection, stream, responseFields({ status: 431, fields: new Fields() }), true);
  if (!endStream) connection.sendReset(streamId, "no-error");
}
