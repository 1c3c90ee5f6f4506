/**
 * The heads of responses: what is added to the caller's fields, and what is left out. A head is written as a whole or
 * not at all.
 *
 * @module
 */

import type { SendBuffer } from "../../bytes/send_buffer.ts";
import type { Field } from "../../semantics/fields.ts";
import type { Http1Version } from "../../semantics/message.ts";
import { NO_BODY } from "./framing.ts";
import { type SendFraming, writeFramedFields } from "./send_framing.ts";
import { protocolsIn } from "../../semantics/switching.ts";
import { inspectFields, listHas, type NameCase, type SentFields, writeField, writeStatusLine } from "./write_head.ts";

/** The head of a response that is to be sent. */
export interface OutgoingResponseHead {
  /** 101, or 200–999. */
  readonly status: number;
  /** The registered phrase when left out. */
  readonly reason?: string | undefined;
  /** The field lines. */
  readonly fields: readonly Field[];
}

/** A head, and what was found in its fields. */
export interface InspectedHead extends OutgoingResponseHead {
  /** See {@linkcode inspectFields}. */
  readonly sent: SentFields;
}

/** Looks at the fields once, for all that follows. */
export function inspected(head: OutgoingResponseHead): InspectedHead {
  return { status: head.status, reason: head.reason, fields: head.fields, sent: inspectFields(head.fields) };
}

/** A 1xx, and what answers with a switch, have no framing: the caller's is left out. */
const UNFRAMED: SendFraming = { framing: NO_BODY, dropLength: true, dropCoding: true, add: null };

/**
 * Writes the heads of one connection's responses. Every method throws for what cannot be sent: a `TypeError` for a field
 * or a reason, a `RangeError` for a status. Nothing is written then.
 */
export class ResponseHeads {
  readonly #out: SendBuffer;
  readonly #nameCase: NameCase;

  /** Writes to a buffer. */
  constructor(out: SendBuffer, nameCase: NameCase) {
    this.#out = out;
    this.#nameCase = nameCase;
  }

  /** A 1xx before the final response. */
  informational(status: number, fields: readonly Field[]): void {
    this.#write(inspected({ status, fields }), "1.1", UNFRAMED, null, false, null);
  }

  /**
   * A 101, or a 2xx to CONNECT. What stands in `Connection` is not touched.
   *
   * @param version The client's.
   * @param protocol The protocol of a 101, written where it is missing; `null` for a tunnel.
   * @param date The value of Date, unless the caller wrote one; `null` for none.
   */
  switching(head: InspectedHead, version: Http1Version, protocol: string | null, date: string | null): void {
    const named = protocol === null || protocolsIn(head.sent.upgrade).length > 0;
    const framing: SendFraming = named ? UNFRAMED : { ...UNFRAMED, add: ["upgrade", protocol] };
    this.#write(head, version, framing, null, protocol !== null, date);
  }

  /**
   * Any other final response.
   *
   * @param version The client's.
   * @param framing How its body is delimited.
   * @param persistent Whether the connection goes on behind it.
   * @param date The value of Date, unless the caller wrote one; `null` for none.
   */
  final(
    head: InspectedHead,
    version: Http1Version,
    framing: SendFraming,
    persistent: boolean,
    date: string | null,
  ): void {
    const { connection, upgrade } = head.sent;
    const saysKeepAlive = version === "1.1" || listHas(connection, "keep-alive");
    let option: string | null = null;
    if (persistent && !saysKeepAlive) option = "keep-alive";
    if (!persistent && saysKeepAlive && !listHas(connection, "close")) option = "close";
    // Upgrade concerns this connection only (RFC 9110 §7.8).
    this.#write(head, version, framing, option, upgrade !== null, date);
  }

  /** Writes the caller's fields, and behind them what `framing` adds, options of Connection, and Date. */
  #write(
    { status, reason, fields, sent }: InspectedHead,
    version: Http1Version,
    framing: SendFraming,
    option: string | null,
    upgrades: boolean,
    date: string | null,
  ): void {
    const out = this.#out;
    const mark = out.mark();
    try {
      writeStatusLine(out, status, reason, version);
      writeFramedFields(out, fields, framing, framing.framing.type !== "chunked", this.#nameCase);
      if (option !== null) this.#add("connection", option);
      if (upgrades && !listHas(sent.connection, "upgrade")) this.#add("connection", "upgrade");
      if (date !== null && !sent.date) this.#add("date", date);
      out.text("\r\n");
    } catch (error) {
      out.rewind(mark);
      throw error;
    }
  }

  #add(name: string, value: string): void {
    writeField(this.#out, name, value, this.#nameCase);
  }
}
