/**
 * The server's handshake: from a request of either level, a response and a WebSocket. Handlers call it; it calls the one switch of
 * `http1/switch.ts`.
 *
 * @module
 */

import { checkFunction, checkOneOf, checkOptions, checkStrings, type Kinds } from "../bytes/arguments.ts";
import type { IncomingRequest } from "../http1/incoming.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import { cancelOwned, checkOwned, type Owned, owning } from "../http1/owned.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { checkHeaders } from "../http/client/check_options.ts";
import { checkRequest } from "../http1/proposing.ts";
import { messageOf } from "../http1/stand_in.ts";
import { type Switch, upgradeResponse } from "../http1/switch.ts";
import type { OnSwitched } from "../http1/upgrade.ts";
import { StateError } from "../errors/state_error.ts";
import type { Field } from "../semantics/fields.ts";
import { INTERNAL_ERROR } from "./machine/close_code.ts";
import {
  acceptOf,
  type BadWebSocketRequest,
  readWebSocketRequest,
  type WebSocketRequest,
} from "./machine/handshake.ts";
import { acceptDeflate, type DeflateOptions } from "./machine/permessage_deflate.ts";
import type { WebSocketConnection } from "./connection.ts";
import { checkDeflate, deflateChoice, furtherFields } from "./handshake_options.ts";
import { WEB_SOCKET, type WebSocketOptions, webSocketSettings } from "./options.ts";
import { openWebSocket } from "./over.ts";
import type { WebSocketAgreement } from "./parts.ts";
import { OpeningWebSocket, type PendingWebSocket } from "./pending.ts";

/** What a server's WebSocket can be told. */
export interface UpgradeWebSocketOptions extends WebSocketOptions {
  /**
   * The subprotocols that are spoken, by preference: the first one that was offered is taken. Or a function that chooses
   * of those that were offered, `null` for none. None by default.
   */
  readonly protocols?: readonly string[] | ((offered: readonly string[]) => string | null) | undefined;
  /** Whether messages are compressed if the client can (RFC 7692), and how. False. */
  readonly deflate?: boolean | DeflateOptions | undefined;
  /**
   * Which pages may connect: browsers let every page connect anywhere, and send their cookies along. Pages of others get a
   * 403. All may by default.
   */
  readonly checkOrigin?: CheckOrigin | undefined;
  /** Further fields of the 101. */
  readonly headers?: HeadersInit | undefined;
  /**
   * What was opened for the WebSocket: a connection that it is to be joined with, for example. It is aborted if there is no
   * WebSocket, whatever the reason, or if `onOpen` fails. Else it is yours.
   */
  readonly owns?: Owned | undefined;
}

const OPTIONS: Kinds<UpgradeWebSocketOptions> = {
  ...WEB_SOCKET,
  protocols: stringsOrFunction,
  deflate: checkDeflate,
  checkOrigin: (value, name) => {
    if (typeof value === "string") checkOneOf(value, name, ["same-origin"]);
    else stringsOrFunction(value, name);
  },
  headers: checkHeaders,
  owns: checkOwned,
};

function stringsOrFunction(value: unknown, name: string): void {
  if (typeof value !== "function") checkStrings(value, name);
}

/**
 * Which pages may connect: those of the host that the request is for, those of the origins listed, or what a function says
 * of the value of `Origin`. Clients that send none are no browsers: only the function is asked about them, with `null`.
 */
export type CheckOrigin = "same-origin" | readonly string[] | ((origin: string | null) => boolean);

/**
 * What is done with an open WebSocket, in the async context (`AsyncLocalStorage`) in which it was handed over; the server
 * waits for it when it shuts down.
 */
export type OnOpen = (socket: WebSocketConnection) => void | Promise<void>;

/** The answer to a request for a WebSocket, and the WebSocket it leads to. */
export interface WebSocketUpgrade<Answer> {
  /**
   * To be returned from the handler: the 101; or a 400, or a 426 to another version of the protocol, or a 403 to a page of
   * another origin.
   */
  readonly response: Answer;
  /** Open once the 101 was sent. If another response is, `opened` rejects with `UpgradeRejected`. */
  readonly socket: PendingWebSocket;
}

/**
 * Accepts a request for a WebSocket (RFC 6455 §4.2), or says what is wrong with it.
 *
 * @param request A request that `serve()` or `serveConnection()` gave to its handler.
 * @param options Subprotocols, compression, limits.
 * @param onOpen Called with the open WebSocket. If it fails, but for a connection that was lost, the WebSocket is closed with
 * 1011 and the server's `onError` is told why.
 * @throws {StateError} `no-switch`: the request is a copy, or another server's.
 * @throws {TypeError} `headers` hold a field that belongs to the handshake; or a subprotocol was chosen that was not
 * offered.
 * @throws {RangeError} A number is out of range.
 *
 * @example An echo
 * ```ts
 * import { serve, upgradeWebSocket } from "@http-upgrade/http-upgrade";
 *
 * await using server = serve({ port: 0, hostname: "127.0.0.1" }, (request) => {
 *   const { response } = upgradeWebSocket(request, { deflate: true, checkOrigin: "same-origin" }, async (socket) => {
 *     for await (const message of socket) await socket.write(message);
 *   });
 *   return response;
 * });
 * await server.listening;
 * ```
 */
export function upgradeWebSocket(
  request: Request,
  options?: UpgradeWebSocketOptions,
  onOpen?: OnOpen,
): WebSocketUpgrade<Response>;
/**
 * The same for the handlers of `serveConnection()`.
 *
 * @param request What the handler got.
 * @param options Subprotocols, compression, limits.
 * @param onOpen Called with the open WebSocket; what it throws goes to the `onError` of `serveConnection()`.
 */
export function upgradeWebSocket(
  request: IncomingRequest,
  options?: UpgradeWebSocketOptions,
  onOpen?: OnOpen,
): WebSocketUpgrade<OutgoingResponse>;
export function upgradeWebSocket(
  request: Request | IncomingRequest,
  options: UpgradeWebSocketOptions = {},
  onOpen?: OnOpen,
): WebSocketUpgrade<Response | OutgoingResponse> {
  checkRequest(request);
  checkOptions(options, OPTIONS);
  if (onOpen !== undefined) checkFunction(onOpen, "onOpen");
  const { owns } = options;
  return owns === undefined
    ? upgradeTo(request, options, onOpen)
    : owning(owns, () => upgradeTo(request, options, onOpen));
}

function upgradeTo(
  request: Request | IncomingRequest,
  options: UpgradeWebSocketOptions,
  onOpen: OnOpen | undefined,
): WebSocketUpgrade<Response | OutgoingResponse> {
  const { owns } = options;
  const message = messageOf(request) as IncomingRequest;
  if (!("fields" in message)) {
    throw new StateError("no-switch", "Cannot upgrade: the request is a copy, or another server's");
  }
  const asked = readWebSocketRequest(message);
  const refusal = "status" in asked ? asked : refusalOf(asked, message.authority, options);
  if (refusal !== null) {
    const rejected = new UpgradeRejected("refused", { status: refusal.status });
    cancelOwned(owns, rejected);
    return {
      response: message === request ? lightRefusal(refusal) : platformRefusal(refusal),
      socket: new OpeningWebSocket(Promise.reject(rejected)),
    };
  }
  const { fields, agreed } = answerToRequest(asked as WebSocketRequest, options);
  const open = onOpen === undefined ? undefined : () => callOnOpen(socket, onOpen, owns);
  const init = message === request ? { fields, owns } : { headers: fields, owns };
  const { response, upgraded } = acceptUpgrade(request, "websocket", init, open);
  const socket = new OpeningWebSocket(upgraded.then((io) => openWebSocket(io, agreed)));
  return { response, socket };
}

/** `upgradeResponse()` for a request of either level: it takes fields for the light answer, headers for the other. */
const acceptUpgrade = upgradeResponse as (
  request: object,
  protocol: string,
  init: { readonly fields?: readonly Field[]; readonly headers?: readonly Field[]; readonly owns: Owned | undefined },
  onSwitched: OnSwitched | undefined,
) => Switch<Response | OutgoingResponse>;

async function callOnOpen(socket: PendingWebSocket, onOpen: OnOpen, owns: Owned | undefined): Promise<void> {
  const connection = await socket.opened;
  try {
    await onOpen(connection);
  } catch (error) {
    cancelOwned(owns, error);
    const { error: ending } = await connection.close({ closeCode: INTERNAL_ERROR });
    if (error !== ending) throw error;
  }
}

type Refusal = Pick<BadWebSocketRequest, "reason" | "fields"> & { readonly status: number };

/** The fields of the 101, and what they say. */
interface Answer {
  readonly fields: readonly Field[];
  readonly agreed: WebSocketAgreement;
}

function refusalOf(
  { origin }: WebSocketRequest,
  authority: string,
  { checkOrigin }: UpgradeWebSocketOptions,
): Refusal | null {
  if (checkOrigin === undefined || mayConnect(origin, authority, checkOrigin)) return null;
  return { status: 403, reason: "No WebSocket: the origin is not allowed", fields: [] };
}

function mayConnect(origin: string | null, authority: string, check: CheckOrigin): boolean {
  if (typeof check === "function") return check(origin);
  if (origin === null) return true;
  if (check !== "same-origin") return check.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === hostOf(authority, origin);
}

/** The host as an origin spells it, without the port that its scheme has by default. */
function hostOf(authority: string, origin: string): string | null {
  const url = `${new URL(origin).protocol}//${authority}`;
  return URL.canParse(url) ? new URL(url).host : null;
}

const PLAIN_TEXT: Field = ["Content-Type", "text/plain; charset=utf-8"];

function lightRefusal({ status, reason, fields }: Refusal): OutgoingResponse {
  return { status, fields: [...fields, PLAIN_TEXT], body: reason };
}

function platformRefusal({ status, reason, fields }: Refusal): Response {
  return new Response(reason, { status, headers: [...fields, PLAIN_TEXT] as [string, string][] });
}

function answerToRequest(asked: WebSocketRequest, options: UpgradeWebSocketOptions): Answer {
  const fields: Field[] = asked.key === null ? [] : [["Sec-WebSocket-Accept", acceptOf(asked.key)]];
  const protocol = chosenProtocol(asked.protocols, options.protocols ?? []);
  if (protocol !== null) fields.push(["Sec-WebSocket-Protocol", protocol]);
  const deflateOptions = deflateChoice(options.deflate ?? false);
  const deflate = deflateOptions === null ? null : acceptDeflate(asked.extensions, deflateOptions);
  if (deflate !== null) fields.push(["Sec-WebSocket-Extensions", deflate.field]);
  fields.push(...furtherFields(options.headers));
  const agreed: WebSocketAgreement = {
    role: "server",
    protocol: protocol ?? "",
    extensions: deflate?.field ?? "",
    deflate: deflate?.agreement ?? null,
    deflateOptions: deflateOptions ?? {},
    settings: webSocketSettings(options),
  };
  return { fields, agreed };
}

function chosenProtocol(
  offered: readonly string[],
  choice: readonly string[] | ((offered: readonly string[]) => string | null),
): string | null {
  if (typeof choice !== "function") {
    const asked = new Set(offered);
    return choice.find((protocol) => asked.has(protocol)) ?? null;
  }
  const chosen = choice(offered);
  if (chosen !== null && !offered.includes(chosen)) {
    throw new TypeError(`Cannot choose the subprotocol ${JSON.stringify(chosen)}: it was not offered`);
  }
  return chosen;
}
