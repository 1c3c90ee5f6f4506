/**
 * What a machine makes of bytes, written down in one line an event, and the same for every way to cut them [H4].
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  ClientMachine,
  type ClientMachineOptions,
  type OutgoingRequestHead,
} from "../../../src/http1/machine/client_machine.ts";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import type { Fields } from "../../../src/semantics/fields.ts";
import type { BodyFraming } from "../../../src/http1/machine/framing.ts";
import { ServerMachine, type ServerMachineOptions } from "../../../src/http1/machine/server_machine.ts";
import type { Proposal } from "../../../src/semantics/switching.ts";
import { everyCut, text, wire } from "../../support/bytes.ts";

/** How a run goes, beyond the machine's own options. */
export interface RunOptions {
  /** Whether the peer ends its side behind the input. */
  readonly eof?: boolean;
  /** Whether the field lines of heads are written down as well. */
  readonly fields?: boolean;
}

/** Options of a server's run. */
export type ServerRun = RunOptions & ServerMachineOptions;

/** Options of a client's run. */
export interface ClientRun extends RunOptions, ClientMachineOptions {
  /** The requests, one after the other, each sent when the one before is answered. One plain GET when left out. */
  readonly requests?: readonly OutgoingRequestHead[];
}

/**
 * What a server makes of bytes, for every cut. Each request is answered with 204 once it is complete.
 *
 * @returns One line an event: `GET / 1.1 none`, `body hello`, `trailers A: b`, `400 bad-host`, `undecided`, `waiting`,
 * `closed`; and at the end `rest …` if bytes are left over.
 */
export function serverSays(input: string | Uint8Array, run: ServerRun = {}): string[] {
  return alikeForEveryCut(input, (chunks) => serverTranscript(chunks, run));
}

/** What a client makes of bytes that answer its requests, for every cut; see {@linkcode serverSays}. */
export function clientSays(input: string | Uint8Array, run: ClientRun = {}): string[] {
  return alikeForEveryCut(input, (chunks) => clientTranscript(chunks, run));
}

function alikeForEveryCut(
  input: string | Uint8Array,
  transcribe: (chunks: readonly Uint8Array[]) => string[],
): string[] {
  const bytes = typeof input === "string" ? wire(input) : input;
  let whole: string[] | null = null;
  for (const { how, chunks } of everyCut(bytes)) {
    const said = transcribe(chunks);
    if (whole === null) whole = said;
    else assertEquals(said, whole, how);
  }
  return whole!;
}

/** See {@linkcode serverSays}; for the one cut that is given. */
export function serverTranscript(chunks: readonly Uint8Array[], run: ServerRun = {}): string[] {
  const machine = new ServerMachine(run);
  const transcript = new Transcript(machine, chunks, run);
  return transcript.write(() => {
    const event = machine.next();
    switch (event.type) {
      case "request": {
        const { head, framing, proposal, expectsContinue } = event;
        const extra = spellProposal(proposal) + (expectsContinue ? " expects-100" : "");
        transcript.say(`${head.method} ${head.target} ${head.version} ${spellFraming(framing)}${extra}`);
        return transcript.fields(head.fields);
      }
      case "paused":
        if (event.until !== "next-cycle") return transcript.end("undecided");
        machine.sendResponse({ status: 204, fields: [] }, "none", null);
        machine.sendEnd(null);
        return machine.nextCycle() ? undefined : transcript.end("closed");
      default:
        return transcript.common(event);
    }
  });
}

/** See {@linkcode clientSays}; for the one cut that is given. */
export function clientTranscript(chunks: readonly Uint8Array[], run: ClientRun = {}): string[] {
  const machine = new ClientMachine(run);
  const transcript = new Transcript(machine, chunks, run);
  const requests = [...run.requests ?? [{ method: "GET", target: "/", fields: [["Host", "a"]] as const }]];
  const send = () => {
    const request = requests.shift();
    if (request === undefined) return;
    machine.sendRequest(request, "none");
    machine.sendEnd(null);
  };
  send();
  return transcript.write(() => {
    const event = machine.next();
    switch (event.type) {
      case "informational":
        transcript.say(`${event.head.status} informational`);
        return transcript.fields(event.head.fields);
      case "response": {
        const { head, framing } = event;
        transcript.say(`${head.status} ${JSON.stringify(head.reason)} ${head.version} ${spellFraming(framing)}`);
        return transcript.fields(head.fields);
      }
      case "switched":
        transcript.say(`${event.head.status} switched ${event.protocol}`);
        transcript.fields(event.head.fields);
        return transcript.end("");
      case "paused":
        if (!machine.nextCycle()) return transcript.end("closed");
        transcript.say("reusable");
        return machine.idle ? send() : undefined;
      default:
        return transcript.common(event);
    }
  });
}

type CommonEvent =
  | { readonly type: "data"; readonly bytes: Uint8Array }
  | { readonly type: "end"; readonly trailers: Fields }
  | { readonly type: "need-data" }
  | { readonly type: "closed" };

/** Feeds a machine and keeps the lines. Memory that was handed out must still read the same at the end. */
class Transcript {
  readonly #machine: ServerMachine | ClientMachine;
  readonly #chunks: Uint8Array[];
  readonly #run: RunOptions;
  readonly #lines: string[] = [];
  readonly #views: { readonly bytes: Uint8Array; readonly was: string }[] = [];
  readonly #fields: { readonly line: number; readonly fields: Fields }[] = [];
  #body: string | null = null;
  #fed = 0;
  #eofGiven = false;
  #over = false;

  constructor(machine: ServerMachine | ClientMachine, chunks: readonly Uint8Array[], run: RunOptions) {
    this.#machine = machine;
    this.#chunks = chunks.map((chunk) => chunk.slice());
    this.#run = run;
  }

  /** Goes on until the end was said. */
  write(step: () => void): string[] {
    while (!this.#over) {
      try {
        step();
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        this.end(`${error.status} ${error.code}`);
      }
    }
    const rest = text(this.#machine.takeTrailing().bytes) + this.#chunks.slice(this.#fed).map(text).join("");
    if (rest !== "") this.#lines.push(`rest ${rejoined(rest)}`);
    for (const { bytes, was } of this.#views) assertEquals(text(bytes), was, "bytes that were handed out");
    const named = this.#run.fields ? this.#fields : [];
    for (const { line, fields } of named) this.#lines[line] += ` ${spellFields(fields)}`;
    return this.#lines;
  }

  say(line: string): void {
    this.#saveBody();
    this.#lines.push(line);
  }

  end(line: string): void {
    if (line !== "") this.say(line);
    this.#over = true;
  }

  /** Notes fields to be read at the very end, when the memory behind them had its chance to change. */
  fields(fields: Fields): void {
    this.#fields.push({ line: this.#lines.length - 1, fields });
  }

  common(event: CommonEvent): void {
    switch (event.type) {
      case "data":
        if (event.bytes.length === 0) throw new Error("A data event without data");
        this.#views.push({ bytes: event.bytes, was: text(event.bytes) });
        this.#body = rejoined((this.#body ?? "") + text(event.bytes));
        return;
      case "end":
        this.#body ??= "";
        this.#saveBody();
        if (event.trailers.size > 0) this.say(`trailers ${spellFields(event.trailers)}`);
        return;
      case "closed":
        return this.end("closed");
      case "need-data":
        return this.#feed();
    }
  }

  #feed(): void {
    if (this.#fed < this.#chunks.length) return this.#machine.receive(this.#chunks[this.#fed++]!);
    if (!this.#run.eof || this.#eofGiven) return this.end("waiting");
    this.#eofGiven = true;
    this.#machine.receiveEof();
  }

  #saveBody(): void {
    if (this.#body !== null) this.#lines.push(`body ${this.#body}`);
    this.#body = null;
  }
}

/** Line ends that a cut went through read as one again. */
function rejoined(spelled: string): string {
  return spelled.replaceAll("\r\n", "¶");
}

/** `none`, `length:5`, `chunked` or `until-close`. */
export function spellFraming(framing: BodyFraming): string {
  return framing.type === "length" ? `length:${framing.bytes}` : framing.type;
}

/** `[A: b; C: d]`. */
export function spellFields(fields: Fields): string {
  return `[${[...fields].map(([name, value]) => `${name}: ${value}`).join("; ")}]`;
}

function spellProposal(proposal: Proposal): string {
  switch (proposal.type) {
    case "upgrade":
      return ` upgrade(${proposal.protocols.join(",")})`;
    case "connect":
      return ` connect(${proposal.authority.hostname} ${proposal.authority.port})`;
    case "none":
      return proposal.why === "not-requested" ? "" : ` ${proposal.why}`;
  }
}
