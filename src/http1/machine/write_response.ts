/**
 * The heads of responses: what is added to the caller's fields, and what is left out. A head is written as a whole or
 * not at all.
 *
 * @module
 */

import { checkObject } from "../../bytes/arguments.ts";
import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import type { SendBuffer } from "../../bytes/send_buffer.ts";
import type { Field } from "../../semantics/fields.ts";
import type { Version } from "../../semantics/message.ts";
import type { SendFraming } from "./send_framing.ts";
import { protocolsIn } from "../../semantics/switching.ts";
import {
  checkFields,
  inspectFields,
  listHas,
  type NameCase,
  type SentFields,
  writeField,
  writeStatusLine,
} from "./write_head.ts";

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
  checkObject(head, "head");
  return { status: head.status, reason: head.reason, fields: head.fields, sent: inspectFields(head.fields) };
}

/**
 * See the module. Every method throws what cannot be sent: a `TypeError` for a field or a reason, a `RangeError` for a
 * status. Nothing is written then.
 */
export class ResponseHeads {
  readonly #out: SendBuffer;
  readonly #nameCase: NameCase;

  /**
   * Writes to a buffer.
   *
   * @param out The buffer.
   * @param nameCase How field names are spelled.
   */
  constructor(out: SendBuffer, nameCase: NameCase) {
    this.#out = out;
    this.#nameCase = nameCase;
  }

  /** A 1xx before the final response, which has no framing. */
  informational(status: number, fields: readonly Field[]): void {
    checkFields(fields);
    const mark = this.#out.mark();
    try {
      writeStatusLine(this.#out, status, undefined, "1.1");
      this.#unframed(fields);
      this.#out.text("\r\n");
    } catch (error) {
      this.#out.rewind(mark);
      throw error;
    }
  }

  /**
   * A 101, or a 2xx to CONNECT, which has no framing either. What stands in `Connection` is not touched.
   *
   * @param version The client's.
   * @param protocol The protocol of a 101, written where it is missing; `null` for a tunnel.
   * @param date The value of Date, unless the caller wrote one; `null` for none.
   */
  switching(head: InspectedHead, version: Version, protocol: string | null, date: string | null): void {
    const { sent } = head;
    const mark = this.#out.mark();
    try {
      writeStatusLine(this.#out, head.status, head.reason, version);
      this.#unframed(head.fields);
      if (protocol !== null && protocolsIn(sent.upgrade).length === 0) this.#add("upgrade", protocol);
      if (protocol !== null && !listHas(sent.connection, "upgrade")) this.#add("connection", "upgrade");
      if (date !== null && !sent.date) this.#add("date", date);
      this.#out.text("\r\n");
    } catch (error) {
      this.#out.rewind(mark);
      throw error;
    }
  }

  /**
   * Any other final response.
   *
   * @param version The client's.
   * @param plan How its body is delimited.
   * @param persistent Whether the connection goes on behind it.
   * @param date The value of Date, unless the caller wrote one; `null` for none.
   */
  final(head: InspectedHead, version: Version, plan: SendFraming, persistent: boolean, date: string | null): void {
    const { sent } = head;
    const saysKeepAlive = version === "1.1" || listHas(sent.connection, "keep-alive");
    const mark = this.#out.mark();
    try {
      writeStatusLine(this.#out, head.status, head.reason, version);
      this.#framed(head.fields, plan);
      if (plan.add !== null) this.#add(plan.add[0], plan.add[1]);
      if (persistent && !saysKeepAlive) this.#add("connection", "keep-alive");
      if (!persistent && saysKeepAlive && !listHas(sent.connection, "close")) this.#add("connection", "close");
      // Upgrade concerns this connection only (RFC 9110 §7.8).
      if (sent.upgrade !== null && !listHas(sent.connection, "upgrade")) this.#add("connection", "upgrade");
      if (date !== null && !sent.date) this.#add("date", date);
      this.#out.text("\r\n");
    } catch (error) {
      this.#out.rewind(mark);
      throw error;
    }
  }

  #framed(fields: readonly Field[], plan: SendFraming): void {
    const noTrailer = plan.framing.type !== "chunked";
    for (let i = 0; i < fields.length; i++) {
      const name = fields[i]![0];
      if (plan.dropLength && equalsIgnoringCase(name, "content-length")) continue;
      if (plan.dropCoding && equalsIgnoringCase(name, "transfer-encoding")) continue;
      if (noTrailer && equalsIgnoringCase(name, "trailer")) continue;
      this.#add(name, fields[i]![1]);
    }
  }

  #unframed(fields: readonly Field[]): void {
    for (const [name, value] of fields) {
      if (!FRAMING.some((framing) => equalsIgnoringCase(name, framing))) this.#add(name, value);
    }
  }

  #add(name: string, value: string): void {
    writeField(this.#out, name, value, this.#nameCase);
  }
}

const FRAMING: readonly string[] = ["content-length", "transfer-encoding", "trailer"];
